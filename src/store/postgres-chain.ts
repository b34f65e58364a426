// The chain order on Postgres is that of transaction ids, and a dump restored into another cluster starts those anew.
// So rows carry the id plus an offset, and a store that finds rows "from the future" moves the offset past them.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Recorded } from './migrate.ts'
import { streamTable } from './unsealed.ts'

const POSTGRES_CHAIN_LOCK = 0x6d6f6f73

export async function continueChain(db: Kysely<Recorded>): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(POSTGRES_CHAIN_LOCK)})`.execute(tx)
    const newest = await newestInFuture(tx)
    if (newest === null) return
    const offset = newest + 1
    await sql`update log_chain set xact_offset = ${offset}`.execute(tx)
    for (const table of Object.values(streamTable))
      await sql
        .raw(
          `alter table ${table} alter column chain
            set default pg_current_xact_id()::text::bigint + ${offset}`,
        )
        .execute(tx)
  })
}

/** The largest place in the chain, if no transaction of this cluster can have written it yet. */
async function newestInFuture(tx: Transaction<Recorded>): Promise<number | null> {
  const { rows } = await sql<{ newest: number | null; future: boolean | null }>`
    select newest, newest - xact_offset >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint as future
    from log_chain, (
      select greatest(
        (select max(chain) from audit_events),
        (select max(chain) from auth_events),
        (select max(chain) from workload_events)
      ) as newest
    ) as streams`.execute(tx)
  const [found] = rows
  return found?.future ? found.newest : null
}
