// Reads a log, newest first, page by page along its sequence.
import { sql } from 'kysely'
import { eventColumns } from '../store/event-columns.ts'
import type { StoredEvent } from '../store/store.ts'
import type { Stream } from '../store/tables/events.ts'
import { streamTable } from '../store/unsealed.ts'
import type { Core } from './core.ts'
import { logDb } from './stream-rows.ts'

export type { StoredEvent }

export interface EventQuery {
  stream: Stream
  /** Only events at or after this time. */
  sinceMs?: number
  /** Words that must all occur, in whatever case, in code, reason, names, tool or method. */
  search?: string
  /** 100 unless told, 1000 at most. */
  limit?: number
  /** The page after a row: pass the smallest seq seen. */
  beforeSeq?: number
  /** The rows right after this one: for following a log as it grows. */
  afterSeq?: number
}

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000

const searched = sql<string>`lower(${sql.join(
  [
    'id',
    'code',
    'outcome',
    'reason',
    'actor_name',
    'client_name',
    'server_name',
    'target_name',
    'target_id',
    'method',
    'tool',
  ].map((column) => sql`coalesce(${sql.ref(column)}, '')`),
  sql` || ' ' || `,
)})`

export async function listEvents(core: Core, query: EventQuery): Promise<StoredEvent[]> {
  const { stream, sinceMs, beforeSeq, afterSeq, limit = DEFAULT_LIMIT } = query
  let select = logDb(core.store, stream)
    .selectFrom(streamTable[stream])
    .select(['seq', ...eventColumns])
    .orderBy('seq', afterSeq === undefined ? 'desc' : 'asc')
    .limit(Math.max(1, Math.min(limit, MAX_LIMIT)))
  if (sinceMs !== undefined) select = select.where('at', '>=', sinceMs)
  if (beforeSeq !== undefined) select = select.where('seq', '<', beforeSeq)
  if (afterSeq !== undefined) select = select.where('seq', '>', afterSeq)
  for (const word of wordsOf(query.search))
    select = select.where(sql<boolean>`${searched} like ${pattern(word)} escape '\\'`)
  const rows = await select.$castTo<StoredEvent>().execute()
  return afterSeq === undefined ? rows : rows.reverse()
}

const wordsOf = (search = ''): string[] => search.toLowerCase().split(/\s+/).filter(Boolean)

const pattern = (word: string): string => `%${word.replace(/[\\%_]/g, '\\$&')}%`
