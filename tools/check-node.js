// Stops a script early, with the reason, when the running Node is too old for the gateway.
import { explain, MINIMUM, olderThan } from '../bin/node-version.js'

if (olderThan(process.version, MINIMUM)) {
  process.stderr.write(`${explain(process.version, process.execPath)}\n`)
  process.exitCode = 1
}
