// Anyone may knock: what the log keeps of strangers is bounded, and says what it leaves out.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../../test/fixtures/gateway.ts'
import { post } from '../../test/fixtures/raw-client.ts'
import { testCore } from '../../test/fixtures/stores.ts'
import { AppError } from '../kernel/app-error.ts'
import { minutes } from '../kernel/time.ts'
import type { NewEvent, Store } from '../store/store.ts'
import { createRefusals } from './refusals.ts'

const KNOCKS = 300

describe('a stranger who knocks without end', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGatewayHere()
  })
  afterAll(() => gateway.close())

  it('fills no disk, and is refused all the same', async () => {
    for (let i = 0; i < KNOCKS; i++) expect((await post(`${gateway.url}/mcp`, {})).status).toBe(401)
    const { stdout } = await gateway.mooring('logs', 'auth', '--limit', '1000', '--json')
    const noted = stdout.split('"token.refused"').length - 1
    expect(noted).toBeGreaterThan(0)
    expect(noted).toBeLessThan(KNOCKS / 2)
  })
})

describe('refusals', () => {
  function setUp() {
    // No store is needed: what would be appended is looked at.
    const core = testCore({} as Store)
    const rows: NewEvent[] = []
    const refusals = createRefusals(core, { record: (_, event) => void rows.push(event) })
    const knock = (times: number, ip = '192.0.2.1', code: AppError['code'] = 'token_unknown') => {
      for (let n = 0; n < times; n++)
        refusals.note({ contextId: 'req', ip }, new AppError(code, ''))
    }
    const of = (code: string) => rows.filter((row) => row.code === code)
    const counted = () =>
      of('token.refused_more').map(({ detail }) => JSON.parse(detail!) as Record<string, unknown>)
    return { core, refusals, knock, of, counted }
  }

  it('beyond the rate are counted, and the count is in the log within a minute', () => {
    const { core, knock, of, counted } = setUp()
    knock(KNOCKS)
    knock(KNOCKS, '192.0.2.1', 'token_missing')
    expect(counted()).toEqual([])
    core.clock.advance(minutes(1))
    const [row] = counted()
    expect(of('token.refused').length + (row!.count as number)).toBe(2 * KNOCKS)
    expect(row).toMatchObject({ reasons: { token_missing: KNOCKS }, addresses: ['192.0.2.1'] })
  })

  it('take one row of counts a minute, however many there are and wherever they come from', () => {
    const { core, knock, of, counted } = setUp()
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 2000; n++) knock(1, `198.51.${n % 250}.${round}`)
      core.clock.advance(minutes(1))
    }
    expect(counted()).toHaveLength(5)
    for (const { addresses } of counted())
      expect((addresses as string[]).length).toBeLessThanOrEqual(10)
    const total = counted().reduce((sum, { count }) => sum + (count as number), 0)
    expect(of('token.refused').length + total).toBe(10_000)
  })

  it('that were only counted so far are written when the gateway stops', () => {
    const { knock, refusals, of, counted } = setUp()
    knock(KNOCKS)
    refusals.close()
    expect(of('token.refused').length + (counted()[0]!.count as number)).toBe(KNOCKS)
    refusals.close()
    expect(counted()).toHaveLength(1)
  })
})
