// Rows that the sealer has not seen, in chain order.
import type { Kysely } from 'kysely'
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
