// The store in one folder: state.db and events.db. One connection writes state.db (async transactions, one at a
// time), one writes events.db (only ever within one turn), others read, so that no read waits for a transaction.
import type { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { changesAfter } from './changes.ts'
import { commitSignal } from './commit-signal.ts'
import { migrate, type Recorded } from './migrate.ts'
import { eventMigrations, stateMigrations } from './migrations/index.ts'
import { sqliteWords } from './migrations/words.ts'
import type { StoreDeps } from './open.ts'
import { createAppend } from './sqlite-append.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { openDatabase, openDataFolder } from './sqlite-files.ts'
import { watchHead } from './sqlite-hint.ts'
import { createLocks } from './sqlite-lock.ts'
import { storageError } from './storage-error.ts'
import type { Db, EventsDb, Store } from './store.ts'
import type { EventTables, Stream } from './tables/events.ts'
import type { StateTables } from './tables/state.ts'
import { createTransaction } from './transaction.ts'
import { type EventStreams, unsealedBySeq } from './unsealed.ts'

export interface SqliteLocation {
  dir: string
  durability?: 'process' | 'power'
}

export async function openSqlite(
  { dir, durability = 'process' }: SqliteLocation,
  { clock, log }: StoreDeps,
): Promise<Store> {
  openDataFolder(dir, log)
  const opened: DatabaseSync[] = []
  const open = (...args: Parameters<typeof openDatabase>) => {
    const db = openDatabase(...args)
    opened.push(db)
    return db
  }
  const eventsMode = durability === 'power' ? 'FULL' : 'NORMAL'
  try {
    const stateWriter = open(dir, 'state.db', { synchronous: 'FULL', waitMs: 20 })
    const eventsWriter = open(dir, 'events.db', { synchronous: eventsMode })
    const writer = new Kysely<StateTables>({ dialect: sqliteDialect(stateWriter) })
    const eventsSetup = new Kysely<Recorded>({ dialect: sqliteDialect(eventsWriter) })
    await migrate(writer as unknown as Kysely<Recorded>, sqliteWords, stateMigrations, clock)
    await migrate(eventsSetup, sqliteWords, eventMigrations, clock)

    const readOnly = { synchronous: 'NORMAL', readOnly: true } as const
    const db: Db = new Kysely({ dialect: sqliteDialect(open(dir, 'state.db', readOnly)) })
    const events: EventsDb = new Kysely<EventTables>({
      dialect: sqliteDialect(open(dir, 'events.db', readOnly)),
    })
    // Head reads have a connection of their own, where nothing can hold an older snapshot open.
    const headReader = open(dir, 'state.db', readOnly)
    const head = headReader.prepare('select seq from head where id = 1')
    const headSeq = () => {
      try {
        return Number(head.get()!.seq)
      } catch (error) {
        throw storageError(error)
      }
    }
    const append = createAppend(eventsWriter)
    const signal = commitSignal(log)
    const hints = watchHead(headReader, headSeq, clock, log)
    const locks = createLocks(dir)
    const streamDb = (stream: Stream) =>
      (stream === 'audit' ? db : events) as unknown as Kysely<EventStreams>
    signal.onCommit(hints.seen)

    let closed = false
    return {
      dialect: 'sqlite',
      db,
      events,
      transaction: createTransaction(writer, signal),
      append: async (rows) => {
        append.rows(rows)
        return headSeq()
      },
      appendSeal: async (seal) => {
        if (seal.stream !== 'audit') append.seal(seal)
        else await writer.insertInto('seals').values(seal).execute()
      },
      headSeq,
      changesSince: (seq) => changesAfter(db, seq),
      onCommit: signal.onCommit,
      onHint: hints.onHint,
      unsealed: (stream, position, limit) =>
        unsealedBySeq(streamDb(stream), stream, position, limit),
      exclusively: locks.exclusively,
      close: async () => {
        if (closed) return
        closed = true
        hints.stop()
        // Ends after the transaction that is running now.
        await writer.transaction().execute(async () => {})
        locks.close()
        for (const connection of opened) connection.close()
      },
    }
  } catch (error) {
    for (const connection of opened) connection.close()
    throw error
  }
}
