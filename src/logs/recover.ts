// Calls that a crash cut off: an intent without an outcome gets the outcome `unknown`, so that none stays open for ever.
import type { Core } from './core.ts'
import type { Journal } from './journal.ts'

const KEY = 'workload_settled_seq'
const PAGE = 5000

interface OpenIntent {
  seq: number
  id: string
  at: number
  call_id: string
}

/**
 * Settles every intent without an outcome that is older than `before`, or that has a row number up to `upTo`. The caller
 * knows that nobody is still working on those: because no call lasts that long, or because whoever wrote them is gone.
 * Each row is read once: where the next pass begins is kept in the settings. Returns how many were settled.
 */
export async function settleUnknown(
  core: Core,
  journal: Journal,
  before: number,
  upTo = 0,
): Promise<number> {
  const noted = await settledUpTo(core)
  // A power cut may have taken rows that were looked at: their numbers are given out again, so all is read again.
  const from = noted > (await lastRow(core)) ? 0 : noted
  const open = new Map<string, OpenIntent>()
  let last = from
  for (;;) {
    const rows = await core.store.events
      .selectFrom('workload_events')
      .select(['seq', 'id', 'at', 'call_id', 'phase'])
      .where('seq', '>', last)
      .orderBy('seq')
      .limit(PAGE)
      .execute()
    for (const { seq, id, at, call_id, phase } of rows) {
      if (call_id === null) continue
      if (phase === 'intent') open.set(call_id, { seq, id, at, call_id })
      else open.delete(call_id)
    }
    last = rows.at(-1)?.seq ?? last
    if (rows.length < PAGE) break
  }
  const over = ({ at, seq }: OpenIntent) => at < before || seq <= upTo
  const orphans = [...open.values()].filter(over)
  for (const orphan of orphans) await journal.write('workload', await unknownOutcome(core, orphan))
  const waiting = [...open.values()].filter((each) => !over(each)).map(({ seq }) => seq - 1)
  const settled = waiting.reduce((least, seq) => Math.min(least, seq), last)
  if (settled !== noted) await noteSettled(core, settled)
  return orphans.length
}

async function unknownOutcome(core: Core, { id, call_id }: OpenIntent) {
  const intent = await core.store.events
    .selectFrom('workload_events')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const { context_id, grant_id, user_id, client_id, server_id, server_name, method, tool } = intent
  return {
    ...{ context_id, grant_id, user_id, client_id, server_id, server_name, method, tool, call_id },
    id: core.newId('evt'),
    at: core.clock.now(),
    code: 'mcp.response',
    severity: 'warn' as const,
    outcome: 'unknown' as const,
    reason: 'the gateway ended before the call did',
    phase: 'outcome' as const,
    parent_id: id,
  }
}

/** Number of the newest row: what was written before this moment has none above it. */
export async function lastRow({ store }: Core): Promise<number> {
  const row = await store.events
    .selectFrom('workload_events')
    .select('seq')
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.seq ?? 0
}

async function settledUpTo({ store }: Core): Promise<number> {
  const row = await store.db
    .selectFrom('settings')
    .select('value')
    .where('key', '=', KEY)
    .executeTakeFirst()
  return row ? Number(row.value) : 0
}

/** Bookkeeping of our own, not a setting that anybody changed: no audit row. */
async function noteSettled({ store, clock }: Core, seq: number): Promise<void> {
  const row = { key: KEY, value: String(seq), updated_at: clock.now() }
  await store.transaction(({ db }) =>
    db
      .insertInto('settings')
      .values(row)
      .onConflict((clash) =>
        clash.column('key').doUpdateSet({ value: row.value, updated_at: row.updated_at }),
      )
      .execute(),
  )
}
