// npm run conformance: the official required sets of both revisions, direct and through the gateway, and the
// authorization scenarios. Exit code 1 when anything differs that expected-failures.yml does not name. --verbose prints all.
import { differences } from './compare.ts'
import type { Revision, Totals } from './official.ts'
import { startConformance } from './through-gateway.ts'

const REVISIONS: Revision[] = ['2025-11-25', '2026-07-28']
const verbose = process.argv.includes('--verbose')

const show = (title: string, { passed, failed, output }: Totals) => {
  if (verbose) console.log(output)
  console.log(`${title}: ${passed} passed, ${failed} failed`)
}

const bench = await startConformance()
try {
  for (const revision of REVISIONS) {
    const { direct, through } = await bench.compare(revision)
    show(`${revision} direct`, direct)
    show(`${revision} through the gateway`, through)
    for (const line of differences(revision, direct, through)) {
      console.log(`  ${line}`)
      process.exitCode = 1
    }
  }
  const authorization = await bench.authorization()
  show('authorization', authorization)
  if (authorization.failed > 0) process.exitCode = 1
} finally {
  await bench.close()
}
