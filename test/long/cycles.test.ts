// Ten thousand times a program comes and goes, four at once, and nothing is left. SEED=… repeats a run.
import { expect, test } from 'vitest'
import { runCycles } from '../fixtures/cycles.ts'
import { seeded } from '../fixtures/seeded.ts'

const random = seeded()
console.log(`SEED=${random.seed}`)

test.each([
  ['auto', 8000],
  ['off', 2000],
] as const)('with sandbox %s, %i cycles leave nothing behind', async (sandbox, cycles) => {
  const started = performance.now()
  const left = await runCycles(random, sandbox, cycles, 500)
  console.log(sandbox, cycles, `${Math.round((performance.now() - started) / 1000)} s`, left)
  expect(left.processes).toEqual([])
  expect(left.zombies).toBe(0)
  expect(left.descriptors).toBeLessThanOrEqual(2)
  expect(left.folders).toEqual([])
})
