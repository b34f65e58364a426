import { beforeEach, expect, it } from 'vitest'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import type { NewEvent } from '../store/store.ts'
import type { Core } from './core.ts'
import { type EventQuery, listEvents } from './query.ts'

const event = (id: string, at: number, more: Partial<NewEvent> = {}): NewEvent => ({
  id,
  at,
  code: 'mcp.request',
  severity: 'info',
  ...more,
})

forEachStore((_, open) => {
  let core: Core

  beforeEach(async () => {
    core = testCore((await open()).store)
    await core.store.append(
      [
        event('e1', 100, { tool: 'search_notes', user_id: 'u', client_name: 'Claude' }),
        event('e2', 200, { tool: 'create_note', reason: 'policy says 100% no' }),
        event('e3', 300, { code: 'mcp.response', server_name: 'Notes', actor_name: 'Ada' }),
        event('e4', 400, { tool: 'weather', target_name: 'back\\slash' }),
      ].map((each) => ({ stream: 'workload' as const, event: each })),
    )
  })

  const ids = async (query: Omit<EventQuery, 'stream'>) =>
    (await listEvents(core, { stream: 'workload', ...query })).map((row) => row.id)

  it('events come newest first, whole, and per stream', async () => {
    expect(await ids({})).toEqual(['e4', 'e3', 'e2', 'e1'])
    const [row] = await listEvents(core, { stream: 'workload', limit: 1 })
    expect(row).toMatchObject({ seq: 4, id: 'e4', at: 400, reason: null })
    expect(await listEvents(core, { stream: 'auth' })).toEqual([])
    await core.store.transaction(({ db }) =>
      db.insertInto('audit_events').values(event('a1', 1)).execute(),
    )
    const audit = await listEvents(core, { stream: 'audit' })
    expect(audit.map((each) => each.id)).toEqual(['a1'])
  })

  it('pages follow each other without gap or overlap', async () => {
    const first = await listEvents(core, { stream: 'workload', limit: 3 })
    const beforeSeq = first.at(-1)!.seq
    expect(first.map((row) => row.id)).toEqual(['e4', 'e3', 'e2'])
    expect(await ids({ limit: 3, beforeSeq })).toEqual(['e1'])
    expect(await ids({ beforeSeq: 1 })).toEqual([])
  })

  it('a log can be followed from a row on', async () => {
    expect(await ids({ afterSeq: 1, limit: 2 })).toEqual(['e3', 'e2'])
    expect(await ids({ afterSeq: 3 })).toEqual(['e4'])
    expect(await ids({ afterSeq: 4 })).toEqual([])
  })

  it('time limits include their own moment', async () => {
    expect(await ids({ sinceMs: 300 })).toEqual(['e4', 'e3'])
  })

  it('words are found in any case and in any of the names, all of them together', async () => {
    expect(await ids({ search: 'NOTE' })).toEqual(['e3', 'e2', 'e1'])
    expect(await ids({ search: 'note claude' })).toEqual(['e1'])
    expect(await ids({ search: 'ada response' })).toEqual(['e3'])
    expect(await ids({ search: '  ' })).toHaveLength(4)
    expect(await ids({ search: 'nothing of this' })).toEqual([])
  })

  it('search text is text, not a pattern', async () => {
    expect(await ids({ search: '100%' })).toEqual(['e2'])
    expect(await ids({ search: 'h%n' })).toEqual([])
    expect(await ids({ search: 'w_ather' })).toEqual([])
    expect(await ids({ search: 'back\\slash' })).toEqual(['e4'])
    expect(await ids({ search: `' or 1=1 --` })).toEqual([])
  })

  it('a limit stays within its bounds', async () => {
    expect(await ids({ limit: 0 })).toHaveLength(1)
    expect(await ids({ limit: 1e9 })).toHaveLength(4)
  })
})
