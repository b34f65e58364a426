// The official conformance suite, direct and through the gateway: the same totals, scenario by scenario.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differences } from '../conformance/compare.ts'
import { type Bench, startConformance } from '../conformance/through-gateway.ts'

const MINUTE = 60_000

describe('the official conformance suite', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await startConformance()
  })
  afterAll(() => bench?.close())

  it(
    'passes the required set of 2025-11-25 through the gateway as directly',
    async () => {
      const { direct, through } = await bench.compare('2025-11-25')
      expect({ passed: direct.passed, failed: direct.failed }).toEqual({ passed: 84, failed: 0 })
      expect(differences('2025-11-25', direct, through)).toEqual([])
    },
    2 * MINUTE,
  )

  it(
    'passes the required set of 2026-07-28 through the gateway as directly',
    async () => {
      const { direct, through } = await bench.compare('2026-07-28')
      // The 30 failures are the tasks extension, which is not part of the required set.
      expect({ passed: direct.passed, failed: direct.failed }).toEqual({ passed: 164, failed: 30 })
      expect(differences('2026-07-28', direct, through)).toEqual([])
    },
    2 * MINUTE,
  )

  it(
    'passes its authorization scenarios against the authorization server',
    async () => {
      const { passed, failed, output } = await bench.authorization()
      expect(failed, output).toBe(0)
      expect(passed).toBeGreaterThanOrEqual(2)
    },
    2 * MINUTE,
  )
})

describe('the comparison of two runs', () => {
  const totals = (entries: Record<string, [number, number]>) => ({
    passed: 0,
    failed: 0,
    output: '',
    scenarios: new Map(
      Object.entries(entries).map(([name, [passed, failed]]) => [name, { passed, failed }]),
    ),
  })
  const known = {
    requirements: '2026-07-28' as const,
    scenario: 'ping',
    passed: 0,
    failed: 1,
    reason: 'only for this test of the comparison',
  }

  it('names a scenario that passes less, fails more or does not run', () => {
    const direct = totals({ ping: [2, 0], list: [1, 0] })
    expect(differences('2026-07-28', direct, totals({ ping: [1, 1] }), [])).toHaveLength(2)
    expect(differences('2026-07-28', direct, direct, [])).toEqual([])
  })

  it('accepts a listed difference, and complains once it is gone', () => {
    const direct = totals({ ping: [1, 0] })
    expect(differences('2026-07-28', direct, totals({ ping: [0, 1] }), [known])).toEqual([])
    expect(differences('2026-07-28', direct, direct, [known])[0]).toMatch(/no longer differs/)
  })
})
