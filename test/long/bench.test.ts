// The gate on cost: processor time per call over the bare proxy of the same run may not grow by more than a tenth over
// the recorded ratio. Absolute figures of a shared machine mean nothing; ratios inside a round do.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { measure, median, medianRatio, type Sample } from '../bench/measure.ts'
import { startTargets } from '../bench/targets.ts'
import { root } from '../fixtures/program.ts'

const MARGIN = 1.1
const ROUNDS = 5
const CONCURRENCY = 32
/** Other work on the machine can disturb a measurement; a real growth is there each time. */
const ATTEMPTS = 5

const baseline = JSON.parse(readFileSync(join(root, 'test/bench/baseline.json'), 'utf8')) as {
  cpuOverBare: Record<string, number>
}

describe('the cost of a call', () => {
  it('stays within a tenth of the recorded ratio to a bare proxy', async () => {
    const { targets, close } = await startTargets()
    const pair = targets.filter(({ name }) => name !== 'direct')
    try {
      const limit = baseline.cpuOverBare[CONCURRENCY]! * MARGIN
      let lowest = Number.POSITIVE_INFINITY
      for (let attempt = 0; attempt < ATTEMPTS && lowest > limit; attempt++) {
        const samples = await measure(
          pair,
          [{ concurrency: CONCURRENCY, requests: 20_000 }],
          ROUNDS,
        )
        lowest = Math.min(lowest, medianRatio(samples, ['mooring', 'bare'], CONCURRENCY, 'cpu'))
      }
      expect(lowest).toBeLessThanOrEqual(limit)
    } finally {
      await close()
    }
  })
})

describe('the arithmetic of the benchmark', () => {
  const sample = (target: string, round: number, cpu: number): Sample => ({
    target,
    round,
    cpu,
    concurrency: 1,
    p50: cpu,
    p99: cpu,
    rate: 1,
    errors: 0,
    saturated: false,
  })

  it('takes ratios inside a round, so that a slow round does not count against anybody', () => {
    const samples = [
      ...[sample('a', 0, 20), sample('b', 0, 10)],
      ...[sample('a', 1, 220), sample('b', 1, 100)],
      ...[sample('a', 2, 30), sample('b', 2, 10)],
    ]
    expect(medianRatio(samples, ['a', 'b'], 1, 'cpu')).toBe(2.2)
  })

  it('finds the middle of an odd and an even number of values', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
  })
})
