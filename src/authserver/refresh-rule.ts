// A lost reply or two parallel refreshes must not log anyone out (authorization-server.md §2.3): a consumed refresh
// token still counts as unused while no direct successor of it was used, for a minute, and a limited number of times.
import { seconds } from '../kernel/time.ts'
import type { Db, Tx } from '../store/store.ts'
import type { StateRow } from '../store/tables/state.ts'
import { Conflict, type OidcUnit } from './unit-of-work.ts'

export const RETRY_WINDOW = seconds(60)
export const RETRIES = 10

/** Only direct successors count: accepting a grandparent would hand a stolen token a way back in. */
export async function retryable(
  db: Db | Tx,
  row: StateRow<'oidc_records'>,
  now: number,
): Promise<boolean> {
  if (row.consumed_at === null) return true
  if (now - row.consumed_at >= RETRY_WINDOW || row.retries >= RETRIES) return false
  const used = await db
    .selectFrom('oidc_records')
    .select('id_hash')
    .where('grant_id', '=', row.grant_id)
    .where('model', '=', 'RefreshToken')
    .where('parent_hash', '=', row.id_hash)
    .where('consumed_at', 'is not', null)
    .executeTakeFirst()
  return used === undefined
}

/** Each refresh moves the end of its grant. Whether the grant still lives is for requireGrant() to say. */
export function keepGrantUntil(unit: OidcUnit, grantId: string, expiresAt: number | null): void {
  unit.operations.push({
    audits: false,
    async run({ db }) {
      await db
        .updateTable('grants')
        .set({ expires_at: expiresAt })
        .where('id', '=', grantId)
        .where('revoked_at', 'is', null)
        .execute()
    },
  })
}

/** No token for a grant that was revoked meanwhile: the no-op update holds its row against a revocation beside this. */
export function requireGrant(unit: OidcUnit, grantId: string): void {
  unit.operations.push({
    audits: false,
    async run({ db }) {
      const alive = await db
        .updateTable('grants')
        .set({ id: grantId })
        .where('id', '=', grantId)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      if (alive.numUpdatedRows === 0n) throw new Conflict('The grant was revoked meanwhile.')
    },
  })
}
