// Forward-only migrations on both dialects: done once, all or nothing, and never on data of a newer version.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/kernel/manual-clock.ts'
import { type Migration, migrate, type Recorded } from '../../src/store/migrate.ts'
import { eventMigrations, stateMigrations } from '../../src/store/migrations/index.ts'
import { postgresWords, sqliteWords } from '../../src/store/migrations/words.ts'
import { openStore } from '../../src/store/open.ts'
import { sqliteDialect } from '../../src/store/sqlite-dialect.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { forEachStore } from '../fixtures/stores.ts'

const create = (table: string): Migration => ({
  name: table,
  up: async (db) => {
    await sql.raw(`create table ${table} (a text)`).execute(db)
  },
})

forEachStore((name, open) => {
  const words = name === 'sqlite' ? sqliteWords : postgresWords
  const known = name === 'sqlite' ? stateMigrations : [...stateMigrations, ...eventMigrations]
  /** The writing side of a fresh database, already at the newest shape. */
  async function database(): Promise<Kysely<Recorded>> {
    const { store, dir } = await open()
    if (name === 'postgres') return store.db as unknown as Kysely<Recorded>
    const file = new DatabaseSync(join(dir, 'm.db'))
    const db = new Kysely<Recorded>({ dialect: sqliteDialect(file) })
    await migrate(db, sqliteWords, stateMigrations, manualClock())
    return db
  }
  const recorded = async (db: Kysely<Recorded>) =>
    (await db.selectFrom('migrations').select('name').execute()).map((row) => row.name)

  describe('a migration', () => {
    it('runs once, and is recorded with its time', async () => {
      const db = await database()
      const clock = manualClock()
      await migrate(db, words, [...known, create('first')], clock)
      await migrate(db, words, [...known, create('first')], clock)
      const row = await db
        .selectFrom('migrations')
        .selectAll()
        .where('name', '=', 'first')
        .executeTakeFirstOrThrow()
      expect(row.at).toBe(clock.now())
    })

    it('that is interrupted leaves nothing behind, and the next start repeats it', async () => {
      const db = await database()
      const interrupted: Migration = {
        name: 'second',
        up: async (tx) => {
          await sql`create table second (a text)`.execute(tx)
          throw new Error('power cut')
        },
      }
      const clock = manualClock()
      await expect(
        migrate(db, words, [...known, create('first'), interrupted], clock),
      ).rejects.toThrow('power cut')
      expect((await recorded(db)).includes('first')).toBe(true)
      expect((await recorded(db)).includes('second')).toBe(false)
      await migrate(db, words, [...known, create('first'), create('second')], clock)
      await sql`insert into second values ('x')`.execute(db)
    })

    it('of a newer version stops the start and names what it found', async () => {
      const db = await database()
      const clock = manualClock()
      await migrate(db, words, [...known, create('from_the_future')], clock)
      await expect(migrate(db, words, known, clock)).rejects.toMatchObject({
        code: 'storage_newer',
        message: expect.stringContaining('from_the_future'),
        remedy: expect.stringContaining('newer version'),
      })
    })
  })

  it('a store of a newer version does not open, and is left as it is', async () => {
    const { store, where } = await open()
    await store.transaction(({ db }) =>
      sql`insert into migrations values ('9999-future', 1)`.execute(db),
    )
    await store.close()
    const opening = openStore(where, { clock: manualClock(), log: silentLogger() })
    await expect(opening).rejects.toMatchObject({ code: 'storage_newer' })
    if (name === 'postgres') return
    const db = new DatabaseSync(join((where as { dir: string }).dir, 'state.db'))
    expect(db.prepare('select count(*) as n from migrations').get()).toEqual({
      n: stateMigrations.length + 1,
    })
    db.close()
  })

  it('two processes that open an empty store at the same time both succeed', async () => {
    const { reopen } = await open()
    const stores = await Promise.all([reopen(), reopen(), reopen()])
    for (const each of stores) expect(await each.headSeq()).toBe(0)
  })
})
