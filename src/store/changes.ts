// The change sequence: head.seq goes up once per transaction that changed something, and `changes` says what. Caches
// read it to know what to forget.
import { type Kysely, sql } from 'kysely'
import type { Change, Db, Tx } from './store.ts'
import type { StateTables } from './tables/state.ts'

const KEPT = 10_000
const TRIM_EVERY = 64

/** The last statements of a transaction: on Postgres the head row is locked from here to the commit. */
export async function writeChanges(tx: Tx, changes: readonly Change[]): Promise<number> {
  const { seq } = await tx
    .updateTable('head')
    .set((eb) => ({ seq: eb('seq', '+', 1) }))
    .where('id', '=', 1)
    .returning('seq')
    .executeTakeFirstOrThrow()
  const rows = changes.map(({ topic, ref }) => ({ seq, topic, ref }))
  for (let i = 0; i < rows.length; i += 500)
    await tx
      .insertInto('changes')
      .values(rows.slice(i, i + 500))
      .execute()
  if (seq % TRIM_EVERY === 0) await trim(tx)
  return seq
}

async function trim(db: Kysely<StateTables>): Promise<void> {
  const oldest = await db
    .selectFrom('changes')
    .select('seq')
    .orderBy('seq', 'desc')
    .offset(KEPT - 1)
    .limit(1)
    .executeTakeFirst()
  if (oldest) await db.deleteFrom('changes').where('seq', '<', oldest.seq).execute()
}

/** One statement, so head and changes are of one moment. null: the log no longer reaches that far. */
export async function changesAfter(
  db: Db,
  since: number,
): Promise<{ seq: number; changes: Change[] } | null> {
  const rows = await db
    .selectFrom('head')
    .leftJoin('changes', (join) => join.on(sql`changes.seq`, '>', sql`${since}`))
    .select(['head.seq as head', 'changes.seq as seq', 'changes.topic', 'changes.ref'])
    .orderBy('changes.seq')
    .execute()
  const head = rows[0]?.head ?? 0
  if (head <= since) return { seq: head, changes: [] }
  // Every bump has at least one row, so a gap right after `since` means those rows are gone.
  if (rows[0]?.seq !== since + 1) return null
  const changes = rows.flatMap(({ topic, ref }) =>
    topic === null || ref === null ? [] : [{ topic, ref }],
  )
  return { seq: head, changes }
}
