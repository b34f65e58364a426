// The three append-only streams share one row shape, so that one sealer, one query and one export serve all of them.
import type { Generated } from 'kysely'

export type Stream = 'audit' | 'auth' | 'workload'
export type Severity = 'info' | 'warn' | 'alert' | 'error'
export type Outcome = 'ok' | 'refused' | 'error' | 'cancelled' | 'unknown'
export type ActorType = 'user' | 'key' | 'client' | 'operator' | 'system'

export interface EventTable {
  /** Commit order within the stream; the database assigns it. */
  seq: Generated<number>
  id: string
  at: number
  /** Stable code from logs/codes.ts, such as `grant.revoked` or `mcp.request`. */
  code: string
  severity: Severity
  outcome: Outcome | null
  reason: string | null
  /** One per request that reached us. */
  context_id: string | null
  /** One per client connection (TCP or stdio). */
  connection_id: string | null
  /** Browser or MCP session, hashed. */
  session_id: string | null
  grant_id: string | null
  /** The event this one follows from: call → consent → sign-in. */
  parent_id: string | null
  actor_type: ActorType | null
  actor_id: string | null
  actor_name: string | null
  user_id: string | null
  client_id: string | null
  client_name: string | null
  ip: string | null
  user_agent: string | null
  server_id: string | null
  server_name: string | null
  /** Audit: what was changed. */
  target_type: string | null
  target_id: string | null
  target_name: string | null
  /** Workload: MCP method and tool, prompt or resource. */
  method: string | null
  tool: string | null
  era: 'session' | 'stateless' | null
  /** Joins intent and outcome. */
  call_id: string | null
  phase: 'intent' | 'outcome' | null
  duration_us: number | null
  bytes_in: number | null
  bytes_out: number | null
  args_digest: string | null
  /** JSON: whatever only this code carries. */
  detail: string | null
}

/** One link of a chain: a run of rows, the hash of each, and a signature over all before it. */
export interface SealTable {
  stream: Stream
  n: number
  first_seq: number
  last_seq: number
  count: number
  /** Where the sealer goes on: transaction and row (Postgres), row (SQLite). */
  position: string
  /** SHA-256 of each row in chain order, concatenated, base64. */
  row_hashes: string
  prev_hash: string
  hash: string
  signature: string
  key_id: string
  sealed_at: number
}

export interface EventTables {
  auth_events: EventTable
  workload_events: EventTable
  seals: SealTable
}
