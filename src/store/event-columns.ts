// The columns of an event row in their one fixed order: appending, sealing and reading all go by this list.
import type { EventTable } from './tables/events.ts'

export type EventColumn = Exclude<keyof EventTable, 'seq'>

/** A record, so that a column of the table that is missing here does not compile. */
export const eventColumnTypes: Readonly<Record<EventColumn, 'text' | 'bigint'>> = {
  id: 'text',
  at: 'bigint',
  code: 'text',
  severity: 'text',
  outcome: 'text',
  reason: 'text',
  context_id: 'text',
  connection_id: 'text',
  session_id: 'text',
  grant_id: 'text',
  parent_id: 'text',
  actor_type: 'text',
  actor_id: 'text',
  actor_name: 'text',
  user_id: 'text',
  client_id: 'text',
  client_name: 'text',
  ip: 'text',
  user_agent: 'text',
  server_id: 'text',
  server_name: 'text',
  target_type: 'text',
  target_id: 'text',
  target_name: 'text',
  method: 'text',
  tool: 'text',
  era: 'text',
  call_id: 'text',
  phase: 'text',
  duration_us: 'bigint',
  bytes_in: 'bigint',
  bytes_out: 'bigint',
  args_digest: 'text',
  detail: 'text',
}

export const eventColumns = Object.keys(eventColumnTypes) as readonly EventColumn[]
