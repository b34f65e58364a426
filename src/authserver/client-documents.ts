// Client ID Metadata Documents: fetched once, kept in the store, shared by all replicas, and served stale when their
// origin fails. The OAuth library asks here every time; this is the only cache.

import { createMissLimiter } from '../grants/miss-limiter.ts'
import { AppError, isAppError, messageOf } from '../kernel/app-error.ts'
import type { SafeFetch } from '../kernel/safe-fetch.ts'
import { days, hours, minutes, seconds } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import type { ClientDocumentTable } from '../store/tables/state.ts'
import {
  type ClientDocument,
  checkDocumentUrl,
  DOCUMENT_BYTES,
  documentError,
  parseDocument,
  readDocument,
  tooLarge,
} from './client-document-rules.ts'
import { PINNED_DOCUMENTS } from './pinned-documents.ts'

export interface ClientDocuments {
  /**
   * The document as the OAuth library wants it; `ip` is who asks for it.
   * @throws AppError client_document naming the broken rule
   */
  fetch(url: string, ip?: string): Promise<Response>
}

const FRESH_MIN = seconds(60)
const FRESH_MAX = hours(24)
const FRESH_DEFAULT = hours(1)
const STALE = days(30)
/** After a failure: how long an old copy is used before the origin is asked again. */
const RETRY = { stored: seconds(60), pinned: minutes(10) }
/** With an older copy at hand nobody is kept waiting for a slow origin, as behind a firewall that drops packets. */
const PATIENCE = seconds(3)
const PER_HOST = 20
const WINDOW = minutes(1)
/** What strangers may make us fetch. The rest of the budget stays free for other networks. */
const RATES = {
  network: { perSecond: 30 / 60, burst: 30 },
  total: { perSecond: 200 / 60, burst: 200 },
}
/** Rows kept; beyond, those of clients that nobody connected go first, fetched longest ago. */
const MAX_ROWS = 1_000

export function createClientDocuments(
  core: Core,
  { safeFetch }: { safeFetch: SafeFetch },
): ClientDocuments {
  const running = new Map<string, Promise<ClientDocument>>()
  const mayAsk = createLimit(core)

  const refresh = async (
    url: string,
    host: string,
    row: ClientDocumentTable | undefined,
    ip: string | undefined,
  ): Promise<ClientDocument> => {
    try {
      mayAsk(host, ip)
      const hasCopy = row !== undefined || PINNED_DOCUMENTS.has(url)
      const { document, body, freshMs } = await (hasCopy
        ? impatiently(core, (signal) => download(url, safeFetch, signal))
        : download(url, safeFetch))
      const now = core.clock.now()
      await save(core, { url, body, fetched_at: now, fresh_until: now + freshMs })
      return document
    } catch (error) {
      if (!isAppError(error, 'client_document')) throw error
      const old = oldCopy(core, url, row, error)
      if (old === null) throw error
      core.log.warn(
        { url, reason: error.message, cause: messageOf(error.cause ?? ''), copy: old.source },
        'client metadata document not refreshed, using an older copy',
      )
      const until = core.clock.now() + RETRY[old.source]
      if (old.source === 'stored') await keepUsing(core, old.row, until)
      else await save(core, { ...old.row, fresh_until: until })
      return old.document
    }
  }

  const find = async (url: string, ip: string | undefined): Promise<ClientDocument> => {
    const { host } = checkDocumentUrl(url)
    const row = await core.store.db
      .selectFrom('client_documents')
      .selectAll()
      .where('url', '=', url)
      .executeTakeFirst()
    if (row !== undefined && row.fresh_until > core.clock.now()) {
      const kept = usable(url, row.body)
      if (kept !== null) return kept
    }
    let run = running.get(url)
    if (run === undefined) {
      run = refresh(url, host, row, ip).finally(() => running.delete(url))
      running.set(url, run)
    }
    return run
  }

  return {
    fetch: async (url, ip) =>
      new Response(JSON.stringify(await find(url, ip)), {
        headers: { 'content-type': 'application/json', 'cache-control': 'max-age=0' },
      }),
  }
}

async function impatiently<T>(core: Core, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const enough = new AbortController()
  const timer = core.clock.after(PATIENCE, () => enough.abort())
  try {
    return await run(enough.signal)
  } finally {
    timer.cancel()
  }
}

async function download(url: string, safeFetch: SafeFetch, signal?: AbortSignal) {
  const reply = await safeFetch(url, {
    headers: { accept: 'application/json' },
    maxBytes: DOCUMENT_BYTES,
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    throw asDocumentError(url, error)
  })
  const document = readDocument(url, reply)
  return {
    document,
    body: reply.body.toString(),
    freshMs: freshness(reply.headers.get('cache-control')),
  }
}

/** Names the rule that a failed fetch broke, and tells no more than the fetch itself does. */
function asDocumentError(url: string, error: unknown): unknown {
  if (!(error instanceof AppError)) return error
  const { problem } = error.data ?? {}
  if (problem === 'too_large') return tooLarge(error)
  const remedy = error.remedy ?? 'Try again later.'
  if (problem === 'redirect')
    return documentError(
      'redirect',
      `The client metadata document ${url} is a redirect, which is not followed.`,
      'Use the address of the document itself as client_id.',
      { cause: error },
    )
  const rule = error.code === 'blocked_address' ? 'address' : 'unreachable'
  const message = `The client metadata document ${url} cannot be read. ${error.message}`
  return documentError(rule, message, remedy, { cause: error })
}

/** RFC 9111 §5.2.2, within our own bounds. */
export function freshness(cacheControl: string | null): number {
  if (cacheControl === null) return FRESH_DEFAULT
  if (/(?:^|[,\s])no-(?:store|cache)(?:$|[,\s=])/i.test(cacheControl)) return FRESH_MIN
  const found =
    /(?:^|[,\s])s-maxage\s*=\s*"?(\d+)/i.exec(cacheControl) ??
    /(?:^|[,\s])max-age\s*=\s*"?(\d+)/i.exec(cacheControl)
  if (found === null) return FRESH_DEFAULT
  return Math.min(FRESH_MAX, Math.max(FRESH_MIN, seconds(Number(found[1]))))
}

/** The stored copy while it is young enough, else the pinned one. */
function oldCopy(core: Core, url: string, row: ClientDocumentTable | undefined, error: AppError) {
  // 410 is how a publisher withdraws a client on purpose.
  if (error.data?.status === 410) return null
  if (row !== undefined && row.fetched_at + STALE > core.clock.now()) {
    const document = usable(url, row.body)
    if (document !== null) return { document, row, source: 'stored' as const }
  }
  const body = PINNED_DOCUMENTS.get(url)
  if (body === undefined) return null
  const pinned: ClientDocumentTable = { url, body, fetched_at: 0, fresh_until: 0 }
  return { document: parseDocument(url, Buffer.from(body)), row: pinned, source: 'pinned' as const }
}

function usable(url: string, body: string): ClientDocument | null {
  try {
    return parseDocument(url, Buffer.from(body))
  } catch (error) {
    // Accepted once, by rules that have become stricter since.
    if (isAppError(error, 'client_document')) return null
    throw error
  }
}

async function save(core: Core, row: ClientDocumentTable): Promise<void> {
  const { body, fetched_at, fresh_until } = row
  await core.store.transaction(async ({ db }) => {
    await db
      .insertInto('client_documents')
      .values(row)
      .onConflict((conflict) =>
        conflict.column('url').doUpdateSet({ body, fetched_at, fresh_until }),
      )
      .execute()
    const keep = db
      .selectFrom('client_documents')
      .select('url')
      .orderBy(
        (e) =>
          e
            .case()
            .when(
              e.exists(
                e
                  .selectFrom('grants')
                  .select('grants.id')
                  .whereRef('grants.client_id', '=', 'client_documents.url'),
              ),
            )
            .then(0)
            .else(1)
            .end(),
        'asc',
      )
      .orderBy('fetched_at', 'desc')
      .orderBy('url')
      .limit(MAX_ROWS)
    await db.deleteFrom('client_documents').where('url', 'not in', keep).execute()
  })
}

/** Unless another process has fetched a newer one meanwhile. */
async function keepUsing(core: Core, row: ClientDocumentTable, until: number): Promise<void> {
  await core.store.transaction(async ({ db }) => {
    await db
      .updateTable('client_documents')
      .set({ fresh_until: until })
      .where('url', '=', row.url)
      .where('fetched_at', '=', row.fetched_at)
      .execute()
  })
}

/** So many fetches for each network and for all, and so many of one host; forgets hosts whose window is over. */
function createLimit({ clock }: Core): (host: string, ip: string | undefined) => void {
  const limiter = createMissLimiter(clock, RATES)
  const windows = new Map<string, { until: number; count: number }>()
  const refuse = (what: string) => {
    throw documentError('rate', what, 'Try again in a minute.')
  }
  return (host, ip) => {
    const now = clock.now()
    for (const [other, { until }] of windows) if (until <= now) windows.delete(other)
    const window = windows.get(host) ?? { until: now + WINDOW, count: 0 }
    if (window.count >= PER_HOST)
      refuse(`Client metadata documents of ${host} are asked for too often.`)
    if (limiter.take(ip) > 0) refuse('Too many client metadata documents are asked for.')
    window.count++
    windows.set(host, window)
  }
}
