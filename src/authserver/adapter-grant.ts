// A grant is a row of ours; the library's own view of it (scopes per resource) lies beside it in oidc_records.
// Destroying it means a tombstone with a reason and an audit row, never a deletion.

import { revokeGrantIn } from '../grants/grants.ts'
import { tokenHash } from '../kernel/digest.ts'
import type { Core } from '../logs/core.ts'
import type { AdapterDeps, ModelAdapter } from './adapter.ts'
import { fromRow, recordKey, toRow } from './records.ts'
import { Conflict, currentUnit, type Payload, readIn } from './unit-of-work.ts'

const MODEL = 'Grant'

const state = (core: Core, id: string) =>
  core.store.db
    .selectFrom('grants')
    .select(['expires_at', 'revoked_at'])
    .where('id', '=', id)
    .executeTakeFirst()

export function grantAdapter({ core, vault }: AdapterDeps): ModelAdapter {
  return {
    async upsert(id, payload) {
      const unit = currentUnit()
      // Kept as long as the tombstone: how long a grant lives is a column of its own row.
      const row = toRow(vault, MODEL, id, payload as Payload, unit.now, undefined)
      unit.overlay.set(recordKey(MODEL, row.id_hash), { ...(payload as Payload), jti: id })
      unit.operations.push({
        audits: false,
        async run({ db }) {
          await db.insertInto('oidc_records').values(row).execute()
        },
      })
    },

    async find(id) {
      const unit = currentUnit()
      if (unit.revoked.has(id)) return undefined
      const hash = tokenHash(id)
      const own = unit.overlay.get(recordKey(MODEL, hash))
      if (own !== undefined) return own ?? undefined
      const record = await readIn(unit, () =>
        core.store.db
          .selectFrom('oidc_records')
          .selectAll()
          .where('model', '=', MODEL)
          .where('id_hash', '=', hash)
          .executeTakeFirst(),
      )
      const grant = await readIn(unit, () => state(core, id))
      if (!record || !grant || grant.revoked_at !== null) return undefined
      const payload = fromRow(vault, record, id)
      return grant.expires_at === null
        ? payload
        : { ...payload, exp: Math.ceil(grant.expires_at / 1000) }
    },

    async destroy(id) {
      const unit = currentUnit()
      if (unit.revoked.has(id)) return
      const row = await readIn(unit, () => state(core, id))
      if (!row || row.revoked_at !== null) return
      unit.revoked.add(id)
      const reason = unit.revokeReason
      unit.operations.push({
        audits: true,
        async run(handle) {
          if (!(await revokeGrantIn(handle, id, reason, unit.now)))
            throw new Conflict('The grant was revoked meanwhile.')
        },
      })
    },
  }
}
