#!/usr/bin/env node
// Launcher: finds a Node that can run the program, then starts it. Plain JavaScript, so that an old Node can read it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { explain, MINIMUM, olderThan } from './node-version.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bundled = join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
)

if (!olderThan(process.version, MINIMUM)) await start()
else if (existsSync(bundled) && !process.env.MOORING_LAUNCHED) again(bundled)
else giveUp()

async function start() {
  quietSqlite()
  // Only meant for us: a child of ours with another Node must decide for itself.
  delete process.env.MOORING_LAUNCHED
  const { main } = await import('../src/cli/main.ts')
  await main(process)
}

function giveUp() {
  process.stderr.write(`${explain(process.version, process.execPath)}\n`)
  process.exitCode = 6
}

/** Runs this same command with another Node and ends the way it ends. */
function again(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, MOORING_LAUNCHED: '1' },
  })
  // A terminal sends SIGINT to both; a supervisor sends SIGTERM only to us.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`${node} does not start: ${error.message}\nFix: run "npm ci" again.\n`)
    process.exitCode = 6
  })
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1)
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}

/** Node 22 warns that node:sqlite is experimental. Nothing follows from it for the person; every other warning stays. */
function quietSqlite() {
  const emitWarning = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'string' ? rest[0] : rest[0]?.type
    if (type === 'ExperimentalWarning' && String(warning).startsWith('SQLite')) return
    emitWarning.call(process, warning, ...rest)
  }
}
