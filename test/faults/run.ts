// `npm run faults -- [--seed N] [--rounds N] [FILE…]`: every suite of this folder, with SEED set; with --rounds again and again with
// new seeds, until one fails or all are through. Prints the command that repeats a failure.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../fixtures/program.ts'

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' }, rounds: { type: 'string', default: '1' } },
  allowPositionals: true,
})
const rounds = Number(values.rounds)
const wanted = positionals.map((name) => (name.includes('/') ? name : `test/faults/${name}`))
const missing = wanted.filter((path) => !existsSync(join(root, path)))
const known = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/faults/${name}`)

if (!Number.isInteger(rounds) || rounds < 1 || missing.length > 0 || known.length === 0) {
  console.error(
    missing.length > 0
      ? `There is no ${missing.join(', ')}.`
      : known.length === 0
        ? 'There are no suites in test/faults.'
        : '--rounds is a whole number from 1 on.',
  )
  process.exit(2)
}

for (let round = 0; round < rounds; round++) {
  const seed = round === 0 && values.seed !== undefined ? values.seed : String(randomInt(2 ** 31))
  console.log(`\nRound ${round + 1} of ${rounds}: SEED=${seed}`)
  if ((await suites(seed)) === 0) continue
  console.error(`\nFailed. Again: npm run faults -- --seed ${seed} ${wanted.join(' ')}`.trimEnd())
  process.exit(7)
}
console.log(`\n${rounds === 1 ? 'The round' : `All ${rounds} rounds`} passed.`)

function suites(seed: string): Promise<number> {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  // One after the other: faults of one suite must not be the noise of another.
  const files = wanted.length > 0 ? wanted : known
  const args = ['run', ...files, '--no-file-parallelism', '--reporter=default']
  const child = spawn(process.execPath, [vitest, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SEED: seed },
  })
  return new Promise((done) => child.once('close', (code) => done(code ?? 1)))
}
