import { describe, expect, it, vi } from 'vitest'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { AppError } from '../kernel/app-error.ts'
import type { AppendRow, NewEvent, Store } from '../store/store.ts'
import type { Core } from './core.ts'
import { createJournal } from './group-commit.ts'

const event = (id: string): NewEvent => ({ id, at: 1, code: 'mcp.request', severity: 'info' })
const idsOf = async (store: Store) =>
  (await store.events.selectFrom('workload_events').select('id').orderBy('seq').execute()).map(
    (row) => row.id,
  )

/** The real store with an append that a test can watch and break. */
function watched(store: Store) {
  const batches: string[][] = []
  const control = { error: undefined as Error | undefined }
  const append: Store['append'] = async (rows: readonly AppendRow[]) => {
    batches.push(rows.map((row) => row.event.id))
    if (control.error) throw control.error
    return store.append(rows)
  }
  return { store: { ...store, append } as Store, batches, control }
}

const away = () =>
  new AppError('storage_unavailable', 'The disk is full.', { remedy: 'Free some.' })

forEachStore((_, open) => {
  describe('the journal', () => {
    it('makes one transaction of all rows of a turn, in their order', async () => {
      const { store, batches } = watched((await open()).store)
      const journal = createJournal(testCore(store))
      const writes = ['a', 'b', 'c'].map((id) => journal.write('workload', event(id)))
      journal.record('workload', event('d'))
      await Promise.resolve()
      writes.push(journal.write('workload', event('e')))
      expect(await Promise.all(writes)).toEqual([0, 0, 0, 0])
      expect(batches).toEqual([['a', 'b', 'c', 'd', 'e']])
      expect(await idsOf(store)).toEqual(['a', 'b', 'c', 'd', 'e'])
    })

    it('answers with the head.seq of after the rows were durable', async () => {
      const { store } = await open()
      const journal = createJournal(testCore(store))
      await store.transaction(async ({ changed }) => changed('grant', 'g'))
      expect(await journal.write('workload', event('a'))).toBe(1)
    })

    it('splits what is too much for one transaction', async () => {
      const { store, batches } = watched((await open()).store)
      const journal = createJournal(testCore(store))
      const ids = Array.from({ length: 1200 }, (_, i) => `e${i}`)
      await Promise.all(ids.map((id) => journal.write('workload', event(id))))
      expect(batches.map((batch) => batch.length)).toEqual([512, 512, 176])
      expect(await idsOf(store)).toEqual(ids)
    })

    it('rejects exactly the writers of a failed batch', async () => {
      const { store, control } = watched((await open()).store)
      const journal = createJournal(testCore(store))
      control.error = away()
      const failed = await Promise.allSettled([
        journal.write('workload', event('a')),
        journal.write('workload', event('b')),
      ])
      control.error = undefined
      expect(failed.map((each) => each.status)).toEqual(['rejected', 'rejected'])
      expect(failed[0]).toMatchObject({ reason: { code: 'storage_unavailable' } })
      await journal.write('workload', event('c'))
      expect(await idsOf(store)).toEqual(['c'])
    })

    it('does not let one impossible row take the others with it', async () => {
      const { store } = await open()
      const journal = createJournal(testCore(store))
      const broken = { ...event('b'), code: null as unknown as string }
      const results = await Promise.allSettled([
        journal.write('workload', event('a')),
        journal.write('workload', broken),
        journal.write('workload', event('c')),
      ])
      expect(results.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(results[1]).toMatchObject({ reason: { code: 'storage_unavailable' } })
      expect(await idsOf(store)).toEqual(['a', 'c'])
    })
  })

  describe('recorded rows', () => {
    it('are kept while the store is away and written when it is back', async () => {
      const { store, control } = watched((await open()).store)
      const core = testCore(store)
      const journal = createJournal(core)
      control.error = away()
      journal.record('workload', event('a'))
      await expect(journal.flush()).rejects.toMatchObject({ code: 'storage_unavailable' })
      expect(journal.trouble()).toEqual({ waiting: 1, lost: 0 })
      control.error = undefined
      core.clock.advance(1000)
      await vi.waitFor(() => expect(journal.trouble().waiting).toBe(0))
      await journal.flush()
      expect(await idsOf(store)).toEqual(['a'])
    })

    it('are written by a flush without waiting for the retry', async () => {
      const { store, control } = watched((await open()).store)
      const journal = createJournal(testCore(store))
      control.error = away()
      journal.record('workload', event('a'))
      await journal.flush().catch(() => {})
      control.error = undefined
      await journal.flush()
      expect(await idsOf(store)).toEqual(['a'])
    })

    it('that the database will never take are logged, counted and reported in the log itself', async () => {
      const { store } = await open()
      const errors: unknown[] = []
      const core = testCore(store)
      const log = { ...core.log, error: (line: unknown) => errors.push(line) } as Core['log']
      const journal = createJournal({ ...core, log })
      journal.record('workload', { ...event('b'), code: null as unknown as string })
      await journal.flush()
      expect(journal.trouble()).toEqual({ waiting: 0, lost: 1 })
      expect(errors).toMatchObject([{ event: { id: 'b' }, lost: 1 }])
      await journal.write('workload', event('c'))
      await journal.flush()
      const gaps = await store.events.selectFrom('auth_events').selectAll().execute()
      expect(gaps).toMatchObject([{ code: 'log.rows_lost', detail: '{"rows":1}' }])
    })

    it('beyond the bound are counted as lost, never dropped in silence', async () => {
      const { store, control } = watched((await open()).store)
      const errors: unknown[] = []
      const core = testCore(store)
      const log = { ...core.log, error: (line: unknown) => errors.push(line) } as Core['log']
      const journal = createJournal({ ...core, log })
      control.error = away()
      for (let i = 0; i < 10_003; i++) journal.record('workload', event(`e${i}`))
      await journal.flush().catch(() => {})
      expect(journal.trouble()).toEqual({ waiting: 10_000, lost: 3 })
      expect(errors).toHaveLength(4)
      control.error = undefined
      await journal.flush()
      await journal.flush()
      expect(await idsOf(store)).toHaveLength(10_000)
      const gaps = await store.events.selectFrom('auth_events').selectAll().execute()
      expect(gaps).toMatchObject([{ code: 'log.rows_lost', detail: '{"rows":3}' }])
    })
  })
})
