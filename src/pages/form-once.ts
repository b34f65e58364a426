// Form tokens that were used, remembered until they expire: a row, so that no second replica accepts one again.
import type { Core } from '../logs/core.ts'
import type { Tx } from '../store/store.ts'

const MODEL = 'PageForm'

/** Anybody can send a sign-in form. Of more than this the oldest are forgotten: they can be sent once more, no harm. */
const MOST_KEPT = 20_000
const BETWEEN_COUNTS = 500

export function createFormOnce(
  core: Core,
  { most = MOST_KEPT, every = BETWEEN_COUNTS } = {},
): (hash: string, expiresAt: number, urgent?: boolean) => Promise<boolean> {
  let sinceCount = 0
  return (hash, expiresAt, urgent = false) =>
    core.store.transaction(
      async ({ db }) => {
        const now = core.clock.now()
        await db
          .deleteFrom('oidc_records')
          .where('model', '=', MODEL)
          .where('expires_at', '<=', now)
          .execute()
        if (++sinceCount >= every) {
          sinceCount = 0
          await forgetOldest(db, most)
        }
        const taken = await db
          .insertInto('oidc_records')
          .values({
            model: MODEL,
            id_hash: hash,
            payload: '{}',
            grant_id: null,
            uid_hash: null,
            account_id: null,
            client_id: null,
            created_at: now,
            expires_at: expiresAt,
            consumed_at: now,
            retries: 0,
            parent_hash: null,
          })
          .onConflict((clash) => clash.columns(['model', 'id_hash']).doNothing())
          .executeTakeFirst()
        return (taken.numInsertedOrUpdatedRows ?? 0n) > 0n
      },
      { urgent },
    )
}

async function forgetOldest(db: Tx, most: number): Promise<void> {
  const kept = db
    .selectFrom('oidc_records')
    .select('id_hash')
    .where('model', '=', MODEL)
    .orderBy('created_at', 'desc')
    .orderBy('id_hash')
    .limit(most)
  await db
    .deleteFrom('oidc_records')
    .where('model', '=', MODEL)
    .where('id_hash', 'not in', kept)
    .execute()
}
