// The store in one folder: state.db and events.db. One connection writes state.db (async transactions, one at a
// time), one writes events.db (only ever within one turn), others read, so that no read waits for a transaction.
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
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
import { createSpace } from './sqlite-space.ts'
import { isBusy, storageError } from './storage-error.ts'
import type { Db, EventsDb, Store } from './store.ts'
import type { EventTables, Stream } from './tables/events.ts'
import type { StateTables } from './tables/state.ts'
import { createTransaction } from './transaction.ts'
import { type EventStreams, unsealedBySeq } from './unsealed.ts'

/** Two seconds for another process to let go of the events, outside the turn. */
const APPEND_ATTEMPTS = 28
const BUSY_PAUSE_MS = 50

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
    const eventsWriter = open(dir, 'events.db', { synchronous: eventsMode, waitMs: 20 })
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
    const signal = commitSignal(log)
    const append = createAppend(eventsWriter, eventsMode)
    const space = createSpace(dir, clock, log)
    const transaction = createTransaction(writer, signal)
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
      transaction: async (run, { urgent = false } = {}) => {
        if (!urgent) space.admit()
        try {
          return await transaction(run)
        } catch (error) {
          if (!space.failed(error) || !urgent || !space.release()) throw error
          return transaction(run)
        }
      },
      append: async (rows) => {
        space.admit()
        for (let attempt = 1; ; attempt++) {
          try {
            append.rows(rows)
            return headSeq()
          } catch (error) {
            if (space.failed(error) || !isBusy(error) || attempt === APPEND_ATTEMPTS) throw error
            await wait(BUSY_PAUSE_MS)
          }
        }
      },
      ready: async () => {
        space.admit()
        headSeq()
      },
      // The lock of the data folder says so, and it was taken before any call.
      alone: async () => true,
      appendSeal: async (seal) => {
        space.admit()
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
