// Registrations that nobody ever signed in with: anyone may register (threats.md row 38), so these must not pile up.
import type { Unit } from '../logs/change.ts'
import type { Db, Tx } from '../store/store.ts'

export const unusedClients = (db: Db | Tx, before: number) =>
  db
    .selectFrom('clients')
    .select('id')
    .where('kind', '=', 'dcr')
    .where('created_at', '<', before)
    .where('last_used_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('trusted', '=', 0)

/** Removes up to `most` that were made before `before`, the oldest first. Returns how many went. */
export async function forgetUnusedIn(unit: Unit, before: number, most: number): Promise<number> {
  const gone = await unit.db
    .deleteFrom('clients')
    .where('id', 'in', unusedClients(unit.db, before).orderBy('created_at').limit(most))
    // Somebody may have signed in with it since it was listed.
    .where('last_used_at', 'is', null)
    .returning('id')
    .execute()
  for (const { id } of gone) unit.changed('client', id)
  await unit.audit({
    code: 'client.expired',
    target: { type: 'client', id: 'unused', name: 'unused registrations' },
    detail: { count: gone.length },
  })
  return gone.length
}
