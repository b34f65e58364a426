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
  const [xact = '0', seq = '0'] = position?.split(':') ?? []
  const found = await db
    .selectFrom(streamTable[stream])
    .select(['seq', ...eventColumns, sql<string>`xact::text`.as('xact')])
    .where(sql<boolean>`(xact, seq) > (${xact}::xid8, ${seq}::bigint)`)
    .where(sql<boolean>`xact < pg_snapshot_xmin(pg_current_snapshot())`)
    .orderBy(sql`xact`)
    .orderBy('seq')
    .limit(limit)
    .$castTo<StoredEvent & { xact: string }>()
    .execute()
  const last = found.at(-1)
  return {
    position: last ? `${last.xact}:${last.seq}` : (position ?? '0:0'),
    rows: found.map(({ xact: _, ...row }) => row),
  }
}
