// Forward-only migrations. Each runs in a transaction together with the row that records it, so an interrupted one
// leaves nothing behind and runs again at the next start; of two processes the second finds it done.
import { type Kysely, sql, type Transaction } from 'kysely'
import { AppError } from '../kernel/app-error.ts'
import type { Clock } from '../kernel/time.ts'
import type { Words } from './migrations/words.ts'

export interface Migration {
  name: string
  up(db: Transaction<Recorded>, words: Words): Promise<void>
}

export interface Recorded {
  migrations: { name: string; at: number }
}

const POSTGRES_MIGRATION_LOCK = 0x6d6f6f72

export async function migrate(
  db: Kysely<Recorded>,
  words: Words,
  migrations: readonly Migration[],
  clock: Clock,
): Promise<void> {
  const recorded = await openRecord(db, words)
  refuseNewer(recorded, migrations)
  for (const migration of migrations) {
    if (recorded.includes(migration.name)) continue
    await db.transaction().execute(async (tx) => {
      if ((await lockedRecord(tx, words)).includes(migration.name)) return
      await migration.up(tx, words)
      await tx.insertInto('migrations').values({ name: migration.name, at: clock.now() }).execute()
    })
  }
}

async function openRecord(db: Kysely<Recorded>, words: Words): Promise<string[]> {
  return db.transaction().execute(async (tx) => {
    if (words.dialect === 'postgres')
      await sql`select pg_advisory_xact_lock(${sql.lit(POSTGRES_MIGRATION_LOCK)})`.execute(tx)
    await sql`create table if not exists migrations
      (name text primary key, at ${sql.raw(words.int)} not null)`.execute(tx)
    return names(tx)
  })
}

async function lockedRecord(tx: Transaction<Recorded>, words: Words): Promise<string[]> {
  if (words.dialect === 'postgres')
    await sql`select pg_advisory_xact_lock(${sql.lit(POSTGRES_MIGRATION_LOCK)})`.execute(tx)
  return names(tx)
}

async function names(tx: Transaction<Recorded>): Promise<string[]> {
  const rows = await tx.selectFrom('migrations').select('name').execute()
  return rows.map((row) => row.name)
}

function refuseNewer(recorded: readonly string[], migrations: readonly Migration[]): void {
  const known = new Set(migrations.map((migration) => migration.name))
  const unknown = recorded.filter((name) => !known.has(name))
  if (unknown.length > 0)
    throw new AppError(
      'storage_newer',
      `The data was written by a newer version of mooring (it has ${unknown.join(', ')}).`,
      { remedy: 'Start the newer version, or restore a backup that this version wrote.' },
    )
}
