// `npm run soak -- [--minutes 10] [--seed N]`: mixed load on a gateway process, a line every half minute, and at the end the
// proof that nothing was lost, nothing grew and nobody got what was not theirs. Ends with 7 when something of that fails.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    /** For short runs: how often a line is printed. */
    every: { type: 'string', default: '30' },
  },
})
const [minutes, seed, every] = [values.minutes, values.seed, values.every].map(Number)
if (![minutes, seed, every].every((n) => n !== undefined && n > 0)) {
  console.error('--minutes, --seed and --every are numbers above zero.')
  process.exit(2)
}
const broken = await soak({
  minutes: minutes!,
  seed: seed!,
  everySeconds: every!,
  say: (line) => console.log(line),
})
for (const what of broken) console.error(`BROKEN: ${what}`)
console.log(broken.length === 0 ? 'Nothing was lost and nothing grew.' : `Again: --seed ${seed}`)
process.exit(broken.length === 0 ? 0 : 7)
