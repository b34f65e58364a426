import { expect, it } from 'vitest'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import type { NewEvent } from '../store/store.ts'
import type { Core } from './core.ts'
import { createJournal } from './group-commit.ts'
import { settleUnknown } from './recover.ts'

const intent = (core: Core, callId: string): NewEvent => ({
  id: core.newId('evt'),
  at: core.clock.now(),
  code: 'mcp.request',
  severity: 'info',
  call_id: callId,
  phase: 'intent',
  server_id: 'srv_1',
  server_name: 'notes',
  method: 'tools/call',
  tool: 'search',
  user_id: 'usr_1',
  grant_id: 'grt_1',
})

const outcome = (core: Core, callId: string): NewEvent => ({
  id: core.newId('evt'),
  at: core.clock.now(),
  code: 'mcp.response',
  severity: 'info',
  call_id: callId,
  phase: 'outcome',
  outcome: 'ok',
})

forEachStore((_name, open) => {
  const begin = async () => {
    const clock = manualClock()
    const { store } = await open(clock)
    const core = testCore(store, clock)
    const journal = createJournal(core)
    const outcomesOf = (callId: string) =>
      store.events
        .selectFrom('workload_events')
        .selectAll()
        .where('call_id', '=', callId)
        .where('phase', '=', 'outcome')
        .execute()
    return { clock, core, journal, outcomesOf }
  }

  it('gives the outcome unknown to a call that a crash cut off, and only to that one', async () => {
    const { clock, core, journal, outcomesOf } = await begin()
    const cut = intent(core, 'cll_cut')
    await journal.write('workload', cut)
    await journal.write('workload', intent(core, 'cll_done'))
    await journal.write('workload', outcome(core, 'cll_done'))
    clock.advance(1)
    expect(await settleUnknown(core, journal, clock.now())).toBe(1)
    expect(await outcomesOf('cll_cut')).toMatchObject([
      {
        outcome: 'unknown',
        parent_id: cut.id,
        server_name: 'notes',
        tool: 'search',
        user_id: 'usr_1',
        grant_id: 'grt_1',
      },
    ])
    expect(await outcomesOf('cll_done')).toMatchObject([{ outcome: 'ok' }])
  })

  it('settles a call once, however often it runs', async () => {
    const { clock, core, journal, outcomesOf } = await begin()
    await journal.write('workload', intent(core, 'cll_cut'))
    clock.advance(1)
    await settleUnknown(core, journal, clock.now())
    expect(await settleUnknown(core, journal, clock.now())).toBe(0)
    expect(await outcomesOf('cll_cut')).toHaveLength(1)
  })

  it('leaves a call alone that may still be running, and comes back to it', async () => {
    const { clock, core, journal, outcomesOf } = await begin()
    await journal.write('workload', intent(core, 'cll_old'))
    clock.advance(1000)
    const border = clock.now()
    await journal.write('workload', intent(core, 'cll_running'))
    await journal.write('workload', intent(core, 'cll_later'))
    await journal.write('workload', outcome(core, 'cll_later'))
    expect(await settleUnknown(core, journal, border)).toBe(1)
    expect(await outcomesOf('cll_running')).toEqual([])
    clock.advance(1000)
    expect(await settleUnknown(core, journal, clock.now())).toBe(1)
    expect(await outcomesOf('cll_running')).toMatchObject([{ outcome: 'unknown' }])
  })

  it('reads on where it stopped, across many rows', async () => {
    const { clock, core, journal, outcomesOf } = await begin()
    const writes = Array.from({ length: 6000 }, (_, i) => [
      journal.write('workload', intent(core, `cll_${i}`)),
      ...(i === 5500 ? [] : [journal.write('workload', outcome(core, `cll_${i}`))]),
    ]).flat()
    await Promise.all(writes)
    clock.advance(1)
    expect(await settleUnknown(core, journal, clock.now())).toBe(1)
    expect(await outcomesOf('cll_5500')).toMatchObject([{ outcome: 'unknown' }])
  })
})
