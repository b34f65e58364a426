// The columns of an event row in their one fixed order: appending, sealing and reading all go by this list.
import type { EventTable } from './tables/events.ts'

export const eventColumns = [
  'id',
  'at',
  'code',
  'severity',
  'outcome',
  'reason',
  'context_id',
  'connection_id',
  'session_id',
  'grant_id',
  'parent_id',
  'actor_type',
  'actor_id',
  'actor_name',
  'user_id',
  'client_id',
  'client_name',
  'ip',
  'user_agent',
  'server_id',
  'server_name',
  'target_type',
  'target_id',
  'target_name',
  'method',
  'tool',
  'era',
  'call_id',
  'phase',
  'duration_us',
  'bytes_in',
  'bytes_out',
  'args_digest',
  'detail',
] as const satisfies readonly (keyof EventTable)[]

export type EventColumn = (typeof eventColumns)[number]

/** Fails to compile when the table has a column that the list lacks. */
export const allColumnsListed: Exclude<keyof EventTable, EventColumn | 'seq'> extends never
  ? true
  : false = true

export const integerColumns: ReadonlySet<EventColumn> = new Set([
  'at',
  'duration_us',
  'bytes_in',
  'bytes_out',
])
