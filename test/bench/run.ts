// npm run bench: what the gateway costs over the server itself and over a bare proxy. Ratios are taken inside each round,
// because absolute figures of a shared machine mean little. Options: --rounds N --quick --record (writes baseline.json).
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../fixtures/program.ts'
import { type Cell, measure, median, medianRatio, type Sample } from './measure.ts'
import { startTargets } from './targets.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
})
const cells: Cell[] = values.quick
  ? [{ concurrency: 32, requests: 10_000 }]
  : [
      { concurrency: 1, requests: 8_000 },
      { concurrency: 32, requests: 40_000 },
    ]

const { targets, close } = await startTargets()
let samples: Sample[]
try {
  samples = await measure(targets, cells, Number(values.rounds), ({ target, concurrency, cpu }) =>
    process.stderr.write(`${target} c=${concurrency}: ${cpu?.toFixed(1)} µs\n`),
  )
} finally {
  await close()
}

const rows = targets.flatMap(({ name }) =>
  cells.map(({ concurrency }) => {
    const mine = samples.filter((s) => s.target === name && s.concurrency === concurrency)
    const middle = (of: (sample: Sample) => number) => median(mine.map(of))
    return {
      target: name,
      c: concurrency,
      'req/s': Math.round(middle((s) => s.rate)),
      'p50 µs': Math.round(middle((s) => s.p50)),
      'p99 µs': Math.round(middle((s) => s.p99)),
      'CPU µs/req': Math.round(middle((s) => s.cpu ?? 0) * 10) / 10,
      limit: mine.some((s) => s.saturated) ? 'load generator' : '',
    }
  }),
)
console.table(rows)

const ratios = cells.map(({ concurrency }) => ({
  c: concurrency,
  'CPU over bare proxy': ratio('cpu', 'bare', concurrency),
  'p50 over bare proxy': ratio('p50', 'bare', concurrency),
  'p50 over direct': ratio('p50', 'direct', concurrency),
}))
console.table(ratios)

mkdirSync(join(root, 'results'), { recursive: true })
writeFileSync(
  join(root, 'results/bench.json'),
  `${JSON.stringify({ node: process.version, rows, ratios, samples }, null, 2)}\n`,
)
if (values.record) {
  const cpuOverBare = Object.fromEntries(ratios.map((r) => [r.c, r['CPU over bare proxy']]))
  const file = join(root, 'test/bench/baseline.json')
  writeFileSync(file, `${JSON.stringify({ cpuOverBare }, null, 2)}\n`)
}

function ratio(of: 'cpu' | 'p50', base: string, concurrency: number): number {
  return Math.round(medianRatio(samples, ['mooring', base], concurrency, of) * 100) / 100
}
