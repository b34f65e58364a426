// Where the rows and seals of a stream are read: audit lives with the state, the others with the events.
import type { Kysely } from 'kysely'
import type { Store } from '../store/store.ts'
import type { EventTable, SealTable, Stream } from '../store/tables/events.ts'

export interface LogTables {
  audit_events: EventTable
  auth_events: EventTable
  workload_events: EventTable
  seals: SealTable
}

export const streams: readonly Stream[] = ['audit', 'auth', 'workload']

/** Names of tables are those of the stream; both databases know only their own. */
export const logDb = (store: Store, stream: Stream): Kysely<LogTables> =>
  (stream === 'audit' ? store.db : store.events) as unknown as Kysely<LogTables>
