// What holds for the store on Postgres only: transactions that overlap, lost connections, notifications.
import pg from 'pg'
import { describe, expect, it, vi } from 'vitest'
import { manualClock } from '../../src/kernel/manual-clock.ts'
import { openStore, type StoreLocation } from '../../src/store/open.ts'
import type { NewEvent, Store } from '../../src/store/store.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { storeOpener } from '../fixtures/stores.ts'

const event = (id: string): NewEvent => ({ id, at: 1, code: 'mcp.request', severity: 'info' })

async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

const cutAll = (url: string) =>
  query(
    url,
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
  )

describe.skipIf(!process.env.MOORING_TEST_POSTGRES_URL)('the store on Postgres', () => {
  const open = storeOpener('postgres')
  const urlOf = (where: StoreLocation) => ('url' in where ? where.url : '')
  const addAudit = (store: Store, id: string, before = async () => {}) =>
    store.transaction(async ({ db }) => {
      await db.insertInto('audit_events').values(event(id)).execute()
      await before()
    })

  it('orders rows by transaction, and never skips one that commits late', async () => {
    const { store, reopen } = await open()
    const other = await reopen()
    const seen: string[] = []
    let position: string | null = null
    const read = async () => {
      const page: Awaited<ReturnType<Store['unsealed']>> = await store.unsealed(
        'audit',
        position,
        10,
      )
      position = page.position
      seen.push(...page.rows.map((row) => row.id))
    }
    await addAudit(store, 'slow', async () => {
      await addAudit(other, 'quick')
      await read()
      expect(seen).toEqual([])
    })
    await vi.waitFor(
      async () => {
        await read()
        expect(seen).toEqual(['slow', 'quick'])
      },
      { timeout: 20_000 },
    )
  })

  it('goes on with the chain after a dump was restored into a younger cluster', async () => {
    const { store, where, reopen } = await open()
    const read = async (from: Store) =>
      (await from.unsealed('auth', null, 10)).rows.map((row) => row.id)
    // Rows as an older cluster wrote them: with transaction ids that this one has not reached.
    await query(
      urlOf(where),
      `alter table auth_events alter column chain
        set default pg_current_xact_id()::text::bigint + 1000000000000`,
    )
    await store.append([{ stream: 'auth', event: event('old 1') }])
    await store.append([{ stream: 'auth', event: event('old 2') }])
    expect(await read(store)).toEqual([])
    await store.close()
    const restored = await reopen()
    await restored.append([{ stream: 'auth', event: event('new') }])
    await vi.waitFor(async () => expect(await read(restored)).toEqual(['old 1', 'old 2', 'new']), {
      timeout: 20_000,
    })
    const again = await reopen()
    await again.append([{ stream: 'auth', event: event('newer') }])
    await vi.waitFor(async () => expect((await read(again)).at(-1)).toBe('newer'), {
      timeout: 20_000,
    })
  })

  it('works again after every connection was cut', async () => {
    const { store, where } = await open()
    await store.append([{ stream: 'auth', event: event('a') }])
    await cutAll(urlOf(where))
    await vi.waitFor(async () => {
      await store.append([{ stream: 'auth', event: event('b') }])
      expect(await store.headSeq()).toBe(0)
      await store.transaction(async ({ changed }) => changed('user', 'a'))
    })
    expect(await store.headSeq()).toBe(1)
    expect(await store.exclusively('sealer', async () => {})).toBe(true)
  })

  it('tells what it was doing when the connection is cut under it', async () => {
    const { store, where } = await open()
    const cut = store.transaction(async ({ db }) => {
      await db.insertInto('settings').values({ key: 'a', value: '', updated_at: 0 }).execute()
      await cutAll(urlOf(where))
      await db.selectFrom('settings').selectAll().execute()
    })
    await expect(cut).rejects.toMatchObject({ code: 'storage_unavailable' })
    await vi.waitFor(async () =>
      expect(await store.db.selectFrom('settings').selectAll().execute()).toEqual([]),
    )
  })

  it('frees a lock when the connection that held it is cut', async () => {
    const { store, where, reopen } = await open()
    const other = await reopen()
    const cut = store.exclusively('sealer', async () => {
      await cutAll(urlOf(where))
      await vi.waitFor(async () =>
        expect(await other.exclusively('sealer', async () => {})).toBe(true),
      )
    })
    await expect(cut).rejects.toMatchObject({ code: 'storage_unavailable' })
  })

  it('hears of the commits of others, also after its connection was cut', async () => {
    const clock = manualClock()
    const { store, where, reopen } = await open(clock)
    const other = await reopen()
    let hints = 0
    store.onHint(() => hints++)
    await store.transaction(async ({ changed }) => changed('user', 'own'))
    await other.transaction(async ({ changed }) => changed('user', 'theirs'))
    await vi.waitFor(() => expect(hints).toBe(1))
    await cutAll(urlOf(where))
    await vi.waitFor(() => {
      clock.advance(1000)
      expect(hints).toBeGreaterThan(1)
    })
    const before = hints
    await vi.waitFor(() => other.transaction(async ({ changed }) => changed('user', 'theirs')))
    await vi.waitFor(() => expect(hints).toBeGreaterThan(before))
  })

  it('answers all who ask for head.seq in one turn with one read', async () => {
    const { store } = await open()
    const asked = [store.headSeq(), store.headSeq(), store.headSeq()]
    expect(new Set(asked).size).toBe(1)
    for (const each of asked) await each
    await store.transaction(async ({ changed }) => changed('user', 'a'))
    expect(await store.headSeq()).toBe(1)
  })

  it('writes a batch of both streams in one transaction, many rows at once', async () => {
    const { store, where } = await open()
    const rows = Array.from({ length: 512 }, (_, i) => ({
      stream: i % 2 ? ('auth' as const) : ('workload' as const),
      event: event(`e${i}`),
    }))
    await store.append(rows)
    const { rows: counted } = await query(
      urlOf(where),
      `select count(*)::int as n, count(distinct chain)::int as xacts from
        (select chain from auth_events union all select chain from workload_events) as rows`,
    )
    expect(counted).toEqual([{ n: 512, xacts: 1 }])
  })

  it('refuses to change, remove or truncate rows of any stream', async () => {
    const { store, where } = await open()
    await store.append([{ stream: 'auth', event: event('a') }])
    for (const table of ['audit_events', 'auth_events', 'workload_events', 'seals'])
      for (const statement of [`delete from ${table}`, `truncate ${table}`])
        await expect(query(urlOf(where), statement)).rejects.toThrow('append-only')
    await expect(query(urlOf(where), `update auth_events set id = 'x'`)).rejects.toThrow(
      'append-only',
    )
  })
})

describe('a Postgres that is not there', () => {
  it('is an error that says what to check, without the password', async () => {
    const url = 'postgres://mooring:canary-secret@127.0.0.1:1/mooring'
    const opening = openStore(
      { kind: 'postgres', url },
      { clock: manualClock(), log: silentLogger() },
    )
    const error = await opening.catch((reason) => reason)
    expect(error).toMatchObject({ code: 'storage_unavailable' })
    expect(error.remedy).toContain('database URL')
    expect(`${error.message} ${error.remedy}`).not.toContain('canary')
  })
})
