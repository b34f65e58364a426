// What the rooms above see of a database. SQLite (state.db and events.db) and Postgres are the two implementations.
import type { Kysely, Transaction } from 'kysely'
import type { EventTable, EventTables, SealTable, Stream } from './tables/events.ts'
import type { ChangeTopic, StateTables } from './tables/state.ts'

export type Db = Kysely<StateTables>
export type Tx = Transaction<StateTables>
export type EventsDb = Kysely<EventTables>
/** A row to append; the database gives it its `seq`. Columns left out are null. */
export type NewEvent = Partial<Omit<EventTable, 'seq'>> &
  Pick<EventTable, 'id' | 'at' | 'code' | 'severity'>

/** A row as it is read back. */
export type StoredEvent = Omit<EventTable, 'seq'> & { seq: number }

export interface AppendRow {
  stream: 'auth' | 'workload'
  event: NewEvent
}

export interface Change {
  topic: ChangeTopic
  ref: string
}

export interface TransactionHandle {
  db: Tx
  /** Names a thing that caches must forget when this commits. Bumps head.seq once per transaction. */
  changed(topic: ChangeTopic, ref: string): void
}

export interface Store {
  readonly dialect: 'sqlite' | 'postgres'
  /** Reads outside a transaction. */
  readonly db: Db
  readonly events: EventsDb
  /**
   * One transaction; serialised with every other writer that touches the same rows. Rolls back on throw. An urgent one
   * may use the room that is kept for a full disk; then it is run a second time.
   */
  transaction<T>(
    run: (handle: TransactionHandle) => Promise<T>,
    options?: { urgent?: boolean },
  ): Promise<T>
  /**
   * Appends rows of the auth and workload streams in one transaction and reads head.seq in the same turn,
   * after the rows are durable. Resolves to the head.seq seen.
   */
  append(rows: readonly AppendRow[]): Promise<number>
  /** Adds one link to the chain of a stream. Fails when another process has added that link. */
  appendSeal(seal: SealTable): Promise<void>
  /** Reads head.seq; SQLite answers without leaving the turn. */
  headSeq(): number | Promise<number>
  /** Changes after `seq`, oldest first; null when the log no longer reaches that far (forget everything). */
  changesSince(seq: number): Promise<{ seq: number; changes: Change[] } | null>
  /** Called after each local commit that changed something, in commit order, before transaction() resolves. */
  onCommit(listener: (seq: number, changes: readonly Change[]) => void): () => void
  /** A hint that another process committed (LISTEN/NOTIFY, file watch); carries nothing. */
  onHint(listener: () => void): () => void
  /**
   * Rows of one stream that are committed, final and not yet sealed, in chain order, from `position` on.
   * Never returns a row that a slower transaction could still precede.
   */
  unsealed(
    stream: Stream,
    position: string | null,
    limit: number,
  ): Promise<{ position: string; rows: StoredEvent[] }>
  /** Runs `task` if no other process holds the named lock; false when another one does. */
  exclusively(lock: 'sealer' | 'migrate', task: () => Promise<void>): Promise<boolean>
  /** @throws AppError storage_unavailable when it cannot be read or written just now */
  ready(): Promise<void>
  /** Whether no other process has this store open; on SQLite the lock of the data folder answers that. */
  alone(): Promise<boolean>
  close(): Promise<void>
}
