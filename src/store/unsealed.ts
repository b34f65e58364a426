// Rows that the sealer has not seen, in chain order.
import { type Kysely, sql } from 'kysely'
import { eventColumns } from './event-columns.ts'
import type { Store, StoredEvent } from './store.ts'
import type { EventTable, Stream } from './tables/events.ts'

export interface EventStreams {
  audit_events: EventTable
  auth_events: EventTable
  workload_events: EventTable
}

export const streamTable = {
  audit: 'audit_events',
  auth: 'auth_events',
  workload: 'workload_events',
} as const satisfies Record<Stream, keyof EventStreams>

/** SQLite: writers take turns, so rows commit in the order of their seq. */
export async function unsealedBySeq(
  db: Kysely<EventStreams>,
  stream: Stream,
  position: string | null,
  limit: number,
): ReturnType<Store['unsealed']> {
  const rows = await db
    .selectFrom(streamTable[stream])
    .select(['seq', ...eventColumns])
    .where('seq', '>', Number(position ?? 0))
    .orderBy('seq')
    .limit(limit)
    .$castTo<StoredEvent>()
    .execute()
  return { position: rows.length > 0 ? String(rows.at(-1)!.seq) : (position ?? '0'), rows }
}

/** The place in the chain of the oldest transaction that still runs. */
const firstOpen = sql<number>`(
  select xact_offset + pg_snapshot_xmin(pg_current_snapshot())::text::bigint from log_chain)`

/**
 * Postgres: a slower transaction may commit rows with smaller numbers later, so the order is that of transactions, and
 * only those before the oldest one that still runs are final.
 */
export async function unsealedByTransaction(
  db: Kysely<EventStreams>,
  stream: Stream,
  position: string | null,
  limit: number,
): ReturnType<Store['unsealed']> {
  const [chain = '0', seq = '0'] = position?.split(':') ?? []
  const found = await db
    .selectFrom(streamTable[stream])
    .select(['seq', ...eventColumns, sql<number>`chain`.as('chain')])
    .where(sql<boolean>`(chain, seq) > (${chain}::bigint, ${seq}::bigint)`)
    .where(sql<boolean>`chain < ${firstOpen}`)
    .orderBy(sql`chain`)
    .orderBy('seq')
    .limit(limit)
    .$castTo<StoredEvent & { chain: number }>()
    .execute()
  const last = found.at(-1)
  return {
    position: last ? `${last.chain}:${last.seq}` : (position ?? '0:0'),
    rows: found.map(({ chain: _chain, ...row }) => row),
  }
}
