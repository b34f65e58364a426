// The behaviour that every room relies on, the same on both kinds of store.
import { sql } from 'kysely'
import { describe, expect, it, vi } from 'vitest'
import { forEachStore } from '../../test/fixtures/stores.ts'
import type { Change, NewEvent } from './store.ts'

const event = (id: string, more: Partial<NewEvent> = {}): NewEvent => ({
  id,
  at: 1,
  code: 'mcp.request',
  severity: 'info',
  ...more,
})

forEachStore((name, open) => {
  describe('transactions', () => {
    it('commit what they wrote and count head.seq up once', async () => {
      const { store } = await open()
      expect(await store.headSeq()).toBe(0)
      await store.transaction(async ({ db, changed }) => {
        await db.insertInto('settings').values({ key: 'a', value: '1', updated_at: 5 }).execute()
        changed('setting', 'a')
        changed('setting', 'b')
        changed('setting', 'a')
      })
      expect(await store.headSeq()).toBe(1)
      expect(await store.db.selectFrom('settings').selectAll().execute()).toEqual([
        { key: 'a', value: '1', updated_at: 5 },
      ])
      expect(await store.changesSince(0)).toEqual({
        seq: 1,
        changes: [
          { topic: 'setting', ref: 'a' },
          { topic: 'setting', ref: 'b' },
        ],
      })
      expect(await store.changesSince(1)).toEqual({ seq: 1, changes: [] })
    })

    it('leave nothing behind when they throw', async () => {
      const { store } = await open()
      const heard: number[] = []
      store.onCommit((seq) => heard.push(seq))
      await expect(
        store.transaction(async ({ db, changed }) => {
          await db.insertInto('settings').values({ key: 'a', value: '1', updated_at: 5 }).execute()
          changed('setting', 'a')
          throw new Error('no')
        }),
      ).rejects.toThrow('no')
      expect(await store.headSeq()).toBe(0)
      expect(await store.db.selectFrom('settings').selectAll().execute()).toEqual([])
      expect(heard).toEqual([])
    })

    it('tell listeners before they resolve, in commit order', async () => {
      const { store } = await open()
      const heard: [number, readonly Change[]][] = []
      const stop = store.onCommit((seq, changes) => heard.push([seq, changes]))
      const bump = (ref: string) =>
        store.transaction(async ({ changed }) => changed('user', ref)).then(() => heard.length)
      const lengths = await Promise.all(['a', 'b', 'c', 'd'].map(bump))
      expect(heard.map(([seq]) => seq)).toEqual([1, 2, 3, 4])
      expect(Math.min(...lengths)).toBeGreaterThan(0)
      stop()
      await bump('e')
      expect(heard).toHaveLength(4)
    })

    it('are not disturbed by a listener that throws', async () => {
      const { store } = await open()
      store.onCommit(() => {
        throw new Error('listener')
      })
      await store.transaction(async ({ changed }) => changed('user', 'a'))
      expect(await store.headSeq()).toBe(1)
    })

    it('that overlap lose no update', async () => {
      const { store } = await open()
      await store.transaction(({ db }) =>
        db.insertInto('settings').values({ key: 'n', value: '0', updated_at: 0 }).execute(),
      )
      await Promise.all(
        Array.from({ length: 20 }, () =>
          store.transaction(async ({ db, changed }) => {
            await db
              .updateTable('settings')
              .set((eb) => ({ updated_at: eb('updated_at', '+', 1) }))
              .execute()
            changed('setting', 'n')
          }),
        ),
      )
      const row = await store.db.selectFrom('settings').selectAll().executeTakeFirstOrThrow()
      expect(row.updated_at).toBe(20)
      expect(await store.headSeq()).toBe(20)
    })

    it('that wait on each other end with an error instead of hanging', async () => {
      const { store } = await open()
      const nested = store.transaction(() => store.transaction(async () => {}))
      await expect(nested).rejects.toMatchObject({ code: 'internal' })
      await store.transaction(async ({ changed }) => changed('user', 'a'))
      expect(await store.headSeq()).toBe(1)
    })

    it('may be started by work that an earlier one left behind', async () => {
      const { store } = await open()
      let later: Promise<void> | undefined
      let go = () => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      await store.transaction(async () => {
        later = gate.then(() => store.transaction(async ({ changed }) => changed('user', 'a')))
      })
      go()
      await later
      expect(await store.headSeq()).toBe(1)
    })

    it('are invisible to readers until they commit, and readers do not wait for them', async () => {
      const { store } = await open()
      await store.transaction(async ({ db, changed }) => {
        await db.insertInto('settings').values({ key: 'a', value: '1', updated_at: 5 }).execute()
        changed('setting', 'a')
        expect(await store.db.selectFrom('settings').selectAll().execute()).toEqual([])
        expect(await store.headSeq()).toBe(0)
        expect(await store.append([{ stream: 'auth', event: event('evt_a') }])).toBe(0)
      })
      expect(await store.headSeq()).toBe(1)
    })

    it('read what they themselves wrote, and counts are numbers', async () => {
      const { store } = await open()
      await store.transaction(async ({ db }) => {
        await db.insertInto('settings').values({ key: 'a', value: '1', updated_at: 5 }).execute()
        const { n } = await db
          .selectFrom('settings')
          .select((eb) => eb.fn.countAll().as('n'))
          .executeTakeFirstOrThrow()
        expect(n).toBe(1)
      })
    })
  })

  describe('the change log', () => {
    it('reaches back a limited number of rows and says so', async () => {
      const { store } = await open()
      const many = Array.from({ length: 400 }, (_, i) => `r${i}`)
      for (let i = 0; i < 64; i++)
        await store.transaction(async ({ changed }) => {
          for (const ref of many) changed('grant', ref)
        })
      const { n } = await store.db
        .selectFrom('changes')
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow()
      expect(n).toBeLessThanOrEqual(10_000 + 400)
      expect(await store.changesSince(0)).toBeNull()
      expect((await store.changesSince(63))?.changes).toHaveLength(400)
    })
  })

  describe('a second handle on the same data', () => {
    it('sees commits at once, in head.seq and in rows', async () => {
      const { store, reopen } = await open()
      const other = await reopen()
      await store.transaction(async ({ db, changed }) => {
        await db.insertInto('settings').values({ key: 'a', value: '1', updated_at: 5 }).execute()
        changed('setting', 'a')
      })
      expect(await other.headSeq()).toBe(1)
      expect(await other.append([{ stream: 'auth', event: event('evt_a') }])).toBe(1)
      expect((await other.changesSince(0))?.changes).toEqual([{ topic: 'setting', ref: 'a' }])
      expect(await other.db.selectFrom('settings').selectAll().execute()).toHaveLength(1)
    })

    it('takes turns with the first when both write', async () => {
      const { store, reopen } = await open()
      const other = await reopen()
      const bump = (s: typeof store) => s.transaction(async ({ changed }) => changed('user', 'a'))
      await Promise.all(Array.from({ length: 10 }, (_, i) => bump(i % 2 ? store : other)))
      expect(await store.headSeq()).toBe(10)
    })

    it('finds the lock taken, and free again afterwards', async () => {
      const { store, reopen } = await open()
      const other = await reopen()
      const ran: string[] = []
      const outer = await store.exclusively('sealer', async () => {
        ran.push('first')
        expect(await other.exclusively('sealer', async () => void ran.push('second'))).toBe(false)
        expect(await store.exclusively('sealer', async () => void ran.push('again'))).toBe(false)
        expect(await other.exclusively('migrate', async () => void ran.push('other'))).toBe(true)
      })
      expect(outer).toBe(true)
      expect(await other.exclusively('sealer', async () => void ran.push('third'))).toBe(true)
      expect(ran).toEqual(['first', 'other', 'third'])
    })

    it('gets the lock after a task that threw', async () => {
      const { store, reopen } = await open()
      const other = await reopen()
      const failing = store.exclusively('sealer', () => Promise.reject(new Error('task')))
      await expect(failing).rejects.toThrow('task')
      expect(await other.exclusively('sealer', async () => {})).toBe(true)
    })
  })

  describe('appending', () => {
    it('keeps every column of a row and gives rows their order', async () => {
      const { store } = await open()
      const full = event('evt_b', {
        outcome: 'ok',
        reason: 'why "quoted" — ünïcode 🛟',
        context_id: 'req_1',
        duration_us: 2 ** 40,
        bytes_in: 0,
        detail: JSON.stringify({ a: 1 }),
        phase: 'intent',
        era: 'stateless',
      })
      await store.append([
        { stream: 'workload', event: event('evt_a') },
        { stream: 'auth', event: event('evt_x') },
        { stream: 'workload', event: full },
      ])
      const rows = await store.events.selectFrom('workload_events').selectAll().execute()
      expect(rows.map((row) => [row.seq, row.id])).toEqual([
        [1, 'evt_a'],
        [2, 'evt_b'],
      ])
      expect(rows[1]).toMatchObject(full)
      expect(rows[0]?.outcome).toBeNull()
      expect(await store.events.selectFrom('auth_events').select('id').execute()).toEqual([
        { id: 'evt_x' },
      ])
    })

    it('takes hostile text as it comes', async () => {
      const { store } = await open()
      const tool = `x'; drop table head; --\\ \u0000 \ud800 $1 {}`
      await store.append([{ stream: 'workload', event: event('evt_a', { tool }) }])
      const row = await store.events
        .selectFrom('workload_events')
        .select('tool')
        .executeTakeFirstOrThrow()
      expect(row.tool).toBe(`x'; drop table head; --\\ \ufffd \ufffd $1 {}`)
    })

    it('writes all rows of a call or none', async () => {
      const { store } = await open()
      const broken = { id: 'evt_b', at: 1, severity: 'info' } as NewEvent
      await expect(
        store.append([
          { stream: 'auth', event: event('evt_a') },
          { stream: 'workload', event: broken },
        ]),
      ).rejects.toThrow()
      expect(await store.events.selectFrom('auth_events').select('id').execute()).toEqual([])
      await store.append([{ stream: 'auth', event: event('evt_c') }])
      expect(await store.events.selectFrom('auth_events').select('id').execute()).toHaveLength(1)
    })

    it('survives closing and opening again', async () => {
      const { store, reopen } = await open()
      await store.append([{ stream: 'auth', event: event('evt_a') }])
      await store.close()
      const again = await reopen()
      await again.append([{ stream: 'auth', event: event('evt_b') }])
      const rows = await again.events.selectFrom('auth_events').select(['seq', 'id']).execute()
      expect(rows).toEqual([
        { seq: 1, id: 'evt_a' },
        { seq: 2, id: 'evt_b' },
      ])
    })
  })

  describe('event tables', () => {
    it('refuse to change or remove a row', async () => {
      const { store } = await open()
      await store.transaction(({ db }) =>
        db.insertInto('audit_events').values(event('evt_a')).execute(),
      )
      for (const statement of ['update audit_events set code = code', 'delete from audit_events'])
        await expect(store.transaction(({ db }) => sql.raw(statement).execute(db))).rejects.toThrow(
          'append-only',
        )
    })
  })

  describe('unsealed rows', () => {
    it('come in chain order, in pages, each once', async () => {
      const { store } = await open()
      const rows = ['a', 'b', 'c'].map((id) => ({ stream: 'auth' as const, event: event(id) }))
      await store.append(rows)
      const first = await store.unsealed('auth', null, 2)
      expect(first.rows.map((row) => row.id)).toEqual(['a', 'b'])
      const second = await store.unsealed('auth', first.position, 2)
      expect(second.rows.map((row) => row.id)).toEqual(['c'])
      const third = await store.unsealed('auth', second.position, 2)
      expect(third).toEqual({ position: second.position, rows: [] })
      expect(first.rows[0]).not.toHaveProperty('chain')
    })

    it('never include one of a transaction that is still open', async () => {
      const { store } = await open()
      await store.transaction(async ({ db }) => {
        await db.insertInto('audit_events').values(event('evt_a')).execute()
        expect((await store.unsealed('audit', null, 10)).rows).toEqual([])
      })
      // On Postgres a transaction of another database may still be in the way for a moment.
      await vi.waitFor(async () => {
        const { rows } = await store.unsealed('audit', null, 10)
        expect(rows.map((row) => row.id)).toEqual(['evt_a'])
      })
    })
  })

  it(`says which dialect it is`, async () => {
    expect((await open()).store.dialect).toBe(name)
  })
})
