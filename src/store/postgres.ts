// The store on Postgres: one database for state and events, any number of processes on it.
import { Kysely, PostgresDialect, sql } from 'kysely'
import type pg from 'pg'
import { AppError } from '../kernel/app-error.ts'
import { base32, systemRandom } from '../kernel/ids.ts'
import { changesAfter } from './changes.ts'
import { commitSignal } from './commit-signal.ts'
import { migrate, type Recorded } from './migrate.ts'
import { eventMigrations, stateMigrations } from './migrations/index.ts'
import { postgresWords } from './migrations/words.ts'
import type { StoreDeps } from './open.ts'
import { createPostgresAppend } from './postgres-append.ts'
import { continueChain } from './postgres-chain.ts'
import { CHANNEL, listenForHints } from './postgres-hint.ts'
import { clientOptions, createPool, kyselyPool, patientOptions } from './postgres-pool.ts'
import { storageError } from './storage-error.ts'
import type { Db, EventsDb, Store } from './store.ts'
import { createTransaction } from './transaction.ts'
import { type EventStreams, unsealedByTransaction } from './unsealed.ts'

const OLDEST_VERSION = 14
const GOODBYE_MS = 3000
/** Two numbers name an advisory lock: ours, and which. */
const LOCK_SPACE = 0x6d6f6f72
const locks = { sealer: 1, migrate: 2 }

export async function openPostgres(
  { url }: { url: string },
  { clock, log }: StoreDeps,
): Promise<Store> {
  const pool = createPool(clientOptions(url), log)
  const db: Db = new Kysely({ dialect: new PostgresDialect({ pool: kyselyPool(pool) }) })
  const append = createPostgresAppend(url)
  try {
    await checkVersion(db)
    await bringUpToDate(url, { clock, log })
    const self = base32(systemRandom(16))
    const hints = await listenForHints(url, self, clock, log)
    const signal = commitSignal(log)
    let closed = false
    return {
      dialect: 'postgres',
      db,
      events: db as unknown as EventsDb,
      transaction: createTransaction(db, {
        committed: signal.committed,
        beforeCommit: (tx) => sql`select pg_notify(${CHANNEL}, ${self})`.execute(tx),
      }),
      append: append.rows,
      appendSeal: async (seal) => void (await db.insertInto('seals').values(seal).execute()),
      headSeq: append.headSeq,
      changesSince: (seq) => changesAfter(db, seq),
      onCommit: signal.onCommit,
      onHint: hints.onHint,
      unsealed: (stream, position, limit) =>
        unsealedByTransaction(db as unknown as Kysely<EventStreams>, stream, position, limit),
      exclusively: (lock, task) => exclusively(pool, locks[lock], task),
      ready: async () => void (await append.headSeq()),
      alone: async () => {
        try {
          return await hints.alone()
        } catch (error) {
          throw storageError(error)
        }
      },
      close: async () => {
        if (closed) return
        closed = true
        // A database that no longer answers does not answer a goodbye either.
        const goodbye = Promise.all([hints.stop(), append.close(), db.destroy()])
        await Promise.race([goodbye, new Promise<void>((done) => clock.after(GOODBYE_MS, done))])
      },
    }
  } catch (error) {
    await Promise.all([append.close(), db.destroy()])
    throw storageError(error)
  }
}

/** On a connection that waits for as long as it takes: for the work itself, and for another process that is at it. */
async function bringUpToDate(url: string, { clock, log }: StoreDeps): Promise<void> {
  const pool = createPool(patientOptions(url), log, 1)
  const db = new Kysely<Recorded>({ dialect: new PostgresDialect({ pool: kyselyPool(pool) }) })
  try {
    await migrate(db, postgresWords, [...stateMigrations, ...eventMigrations], clock)
    await continueChain(db)
  } finally {
    await db.destroy()
  }
}

async function checkVersion(db: Db): Promise<void> {
  const { rows } = await sql<{ version: string }>`
    select current_setting('server_version_num') as version`.execute(db)
  const version = Math.floor(Number(rows[0]?.version) / 10_000)
  if (version < OLDEST_VERSION)
    throw new AppError('config_invalid', `Postgres ${version} is too old.`, {
      remedy: `Use Postgres ${OLDEST_VERSION} or newer, or leave --db out to use SQLite.`,
    })
}

/** The lock lives as long as its connection, so a process that dies lets go of it. */
async function exclusively(pool: pg.Pool, lock: number, task: () => Promise<void>) {
  const client = await pool.connect().catch((error) => {
    throw storageError(error)
  })
  let healthy = false
  try {
    const taken = await client.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1, $2) as taken',
      [LOCK_SPACE, lock],
    )
    if (!taken.rows[0]?.taken) {
      healthy = true
      return false
    }
    try {
      await task()
    } finally {
      await client.query('select pg_advisory_unlock($1, $2)', [LOCK_SPACE, lock])
      healthy = true
    }
    return true
  } catch (error) {
    throw storageError(error)
  } finally {
    // A connection in doubt is closed: that frees the lock in any case.
    client.release(!healthy)
  }
}
