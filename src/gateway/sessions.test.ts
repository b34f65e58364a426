// MCP sessions as rows and in memory: whose they are, how long they last, how many there may be, and what each costs.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import {
  forEachStore,
  type OpenedStore,
  storeOpener,
  testCore,
} from '../../test/fixtures/stores.ts'
import type { Principal } from '../grants/principal.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { hours, minutes } from '../kernel/time.ts'
import { boundedHello } from './client-hello.ts'
import { createSessions, type Session } from './sessions.ts'
import type { SseStream } from './sse.ts'

const principal = (id: string, userId = 'usr_ada'): Principal => ({
  id,
  kind: 'grant',
  user: { id: userId, login: userId, name: userId, role: 'member' },
  client: { id: 'cli_1', name: 'Client' },
  scopes: new Set(['mcp']),
  resource: null,
  expiresAt: null,
  eventId: 'evt_1',
})
const ada = principal('grt_ada')
const HELLO = {
  protocolVersion: '2025-11-25',
  clientInfo: { name: 'claude', version: '1' },
  capabilities: { sampling: {} },
}
const LIMITS = { idleMs: hours(1), perOwner: 1000, inMemory: 20_000 }

function rig({ store }: OpenedStore, limits = LIMITS, clock = manualClock()) {
  const ended: Session[] = []
  const core = testCore(store, clock)
  const sessions = createSessions(core, limits, (session) => ended.push(session))
  const open = (who = ada, path = '/mcp') => sessions.create(who, path, HELLO)
  const find = async (id: string, who = ada, path = '/mcp') => sessions.find(id, who, path)
  const rows = () => store.db.selectFrom('mcp_sessions').selectAll().execute()
  return { sessions, clock, ended, open, find, rows, core }
}
const UNKNOWN = { code: 'session_unknown' }

forEachStore((dialect, open) => {
  describe('a session', () => {
    it('is good for the grant that opened it, at its endpoint, and for nobody else', async () => {
      const opened = await open()
      const first = rig(opened)
      const id = await first.open()
      // As the process that made it knows it, and as another one reads it.
      for (const { find } of [first, rig(opened)]) {
        await expect(find(id)).resolves.toMatchObject({ owner: 'grt_ada', userId: 'usr_ada' })
        await expect(find(id, principal('grt_mallory', 'usr_mallory'))).rejects.toMatchObject(
          UNKNOWN,
        )
        await expect(find(id, principal('grt_other_client'))).rejects.toMatchObject(UNKNOWN)
        await expect(find(id, principal('grt_ada', 'usr_other'))).rejects.toMatchObject(UNKNOWN)
        await expect(find(id, ada, '/s/notes/mcp')).rejects.toMatchObject(UNKNOWN)
        await expect(find(`${id}x`)).rejects.toMatchObject(UNKNOWN)
      }
    })

    it('is found as it was by the next process, and leaves no row when it ends', async () => {
      const opened = await open()
      const id = await rig(opened).open()
      const next = rig(opened)
      const session = await next.find(id)
      expect(session).toMatchObject(HELLO)
      await next.sessions.end(session)
      expect(next.ended).toEqual([session])
      await expect(next.find(id)).rejects.toMatchObject(UNKNOWN)
      expect(await next.rows()).toEqual([])
    })

    it('ends when it was not used for as long as is set, by the clock', async () => {
      const { open: create, find, clock, sessions, ended, rows } = rig(await open())
      const [used, idle] = [await create(), await create()]
      clock.advance(minutes(40))
      await find(used)
      await sessions.sweep()
      expect(ended).toEqual([])
      clock.advance(minutes(40))
      await sessions.sweep()
      await expect(find(idle)).rejects.toMatchObject(UNKNOWN)
      await expect(find(used)).resolves.toBeDefined()
      expect(ended).toHaveLength(1)
      expect(await rows()).toHaveLength(1)
    })

    it('does not end under an open stream or a call that runs, whichever process sweeps', async () => {
      const opened = await open()
      const clock = manualClock()
      const here = rig(opened, LIMITS, clock)
      const there = rig(opened, LIMITS, clock)
      const [streaming, calling, idle] = [await here.open(), await here.open(), await here.open()]
      ;(await here.find(streaming)).stream = { closed: false } as SseStream
      ;(await here.find(calling)).calls.set('1', new AbortController())
      for (let passed = 0; passed < 90; passed += 5) {
        clock.advance(minutes(5))
        await here.sessions.sweep()
        await there.sessions.sweep()
      }
      await expect(here.find(streaming)).resolves.toBeDefined()
      await expect(here.find(calling)).resolves.toBeDefined()
      await expect(here.find(idle)).rejects.toMatchObject(UNKNOWN)
    })

    it('over the limit of its client ends the one that was idle longest, of that client only', async () => {
      const { open: create, find, clock, rows } = rig(await open(), { ...LIMITS, perOwner: 3 })
      const theirs = principal('grt_theirs', 'usr_bob')
      const other = await create(theirs)
      const mine: string[] = []
      for (let i = 0; i < 3; i++) {
        clock.advance(minutes(2))
        mine.push(await create())
      }
      clock.advance(minutes(2))
      await find(mine[0]!)
      clock.advance(minutes(2))
      mine.push(await create())
      await expect(find(mine[1]!)).rejects.toMatchObject(UNKNOWN)
      for (const id of [mine[0]!, mine[2]!, mine[3]!]) await expect(find(id)).resolves.toBeDefined()
      await expect(find(other, theirs)).resolves.toBeDefined()
      expect(await rows()).toHaveLength(4)
    })
  })

  describe('the sessions in memory', () => {
    it('are the last that were used, and those at work; the others are read again', async () => {
      const limits = { ...LIMITS, inMemory: 3 }
      const { open: create, find, clock, sessions, ended } = rig(await open(), limits)
      const [streaming, used, idle] = [await create(), await create(), await create()]
      const stream = { closed: false } as SseStream
      ;(await find(streaming)).stream = stream
      clock.advance(minutes(2))
      await find(used)
      const left = await find(idle)
      await find(used)
      const next = [await create(), await create()]
      expect([...sessions.all()]).toHaveLength(3)
      expect(ended).toHaveLength(2)
      expect((await find(streaming)).stream).toBe(stream)
      expect(await find(idle)).not.toBe(left)
      for (const id of [used, idle, ...next]) await expect(find(id)).resolves.toBeDefined()
    })
  })

  describe('what a session costs', () => {
    const most = boundedHello(
      { name: '"\\'.repeat(1_000_000), version: '"'.repeat(1_000_000) },
      {
        sampling: { context: {}, tools: {} },
        elicitation: { form: {}, url: {} },
        roots: { listChanged: true },
      },
    )

    it('is at most 1 KB in the database, with its indexes', async () => {
      const opened = await open()
      const { sessions } = rig(opened, { ...LIMITS, perOwner: 5000 })
      const path = `/s/${'n'.repeat(32)}/mcp`
      const count = 1000
      const before = await bytesAtRest(dialect, opened)
      for (let i = 0; i < count; i++)
        await sessions.create(principal(`grt_${'x'.repeat(26)}`, `usr_${'x'.repeat(26)}`), path, {
          ...most,
          protocolVersion: '2025-11-25',
        })
      const each = ((await bytesAtRest(dialect, opened)) - before) / count
      expect(each).toBeGreaterThan(200)
      expect(each).toBeLessThan(1024)
    })
  })
})

describe('what is kept of a client', () => {
  const sqlite = storeOpener('sqlite')

  it('is the flags that mean something, and a name and a version that fit', () => {
    const big = 'x'.repeat(4_000_000)
    const kept = boundedHello(
      { name: `\u202eClaude\n${'é'.repeat(500)}`, version: '1.2.3' },
      {
        sampling: { tools: { deep: big }, [big]: {} },
        elicitation: { form: big, url: {} },
        roots: { listChanged: true },
        experimental: { big },
        tasks: 'x',
      },
    )
    expect(kept.capabilities).toEqual({
      sampling: { tools: {} },
      elicitation: { url: {} },
      roots: { listChanged: true },
    })
    expect(kept.clientInfo.version).toBe('1.2.3')
    expect(kept.clientInfo.name).toMatch(/^Claude é+$/)
    expect(Buffer.byteLength(kept.clientInfo.name)).toBeLessThanOrEqual(100)
  })

  it('costs at most 4 KB of memory while it is in use, whatever the client sent', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const opened = await sqlite()
    const { sessions } = rig(opened, { ...LIMITS, perOwner: 100_000 })
    const used = () => {
      collect()
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      return heapUsed + external + arrayBuffers
    }
    const before = used()
    const count = 1000
    for (let i = 0; i < count; i++) {
      const text = JSON.stringify({ big: `${i}`.repeat(20_000), roots: { listChanged: true } })
      const hello = boundedHello({ name: `n${text}`, version: text }, JSON.parse(text))
      await sessions.create(ada, '/mcp', { ...hello, protocolVersion: '2025-11-25' })
    }
    const each = (used() - before) / count
    expect([...sessions.all()]).toHaveLength(count)
    expect(each).toBeLessThan(4096)
  })
})

/** Bytes of the table and its indexes; on SQLite the pages of the whole file, without those that are free. */
async function bytesAtRest(dialect: string, { store }: OpenedStore): Promise<number> {
  const query =
    dialect === 'postgres'
      ? sql<{ bytes: string }>`select pg_total_relation_size('mcp_sessions') as bytes`
      : sql<{ bytes: number }>`select (page_count - freelist_count) * page_size as bytes
          from pragma_page_count, pragma_freelist_count, pragma_page_size`
  const { rows } = await query.execute(store.db)
  return Number(rows[0]?.bytes)
}
