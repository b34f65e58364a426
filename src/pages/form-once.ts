// Form tokens that were used, remembered until they expire: a row, so that no second replica accepts one again.
import type { Core } from '../logs/core.ts'

const MODEL = 'PageForm'

export function createFormOnce(core: Core): (hash: string, expiresAt: number) => Promise<boolean> {
  return (hash, expiresAt) =>
    core.store.transaction(async ({ db }) => {
      const now = core.clock.now()
      await db
        .deleteFrom('oidc_records')
        .where('model', '=', MODEL)
        .where('expires_at', '<=', now)
        .execute()
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
    })
}
