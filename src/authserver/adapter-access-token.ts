// Access tokens have a table of their own, which the gateway reads by hash: opaque, never a JWT, never in clear.
import { tokenHash } from '../kernel/digest.ts'
import type { AdapterDeps, ModelAdapter } from './adapter.ts'
import { parseObject, recordKey } from './records.ts'
import { requireGrant } from './refresh-rule.ts'
import { currentUnit, type Payload, readIn } from './unit-of-work.ts'

const MODEL = 'AccessToken'

export function accessTokenAdapter({ core }: AdapterDeps): ModelAdapter {
  return {
    async upsert(id, payload, ttl) {
      const unit = currentUnit()
      const hash = tokenHash(id)
      const { jti: _id, ...rest } = payload as Payload
      unit.overlay.set(recordKey(MODEL, hash), { ...rest, jti: id })
      const grantId = String(rest.grantId)
      requireGrant(unit, grantId)
      const row = {
        hash,
        grant_id: grantId,
        resource: String(rest.aud),
        scopes: typeof rest.scope === 'string' ? rest.scope : '',
        created_at: unit.now,
        expires_at: unit.now + (ttl ?? 0) * 1000,
        revoked_at: null,
        payload: JSON.stringify(rest),
      }
      unit.operations.push({
        audits: false,
        async run({ db }) {
          await db.insertInto('access_tokens').values(row).execute()
        },
      })
    },

    async find(id) {
      const unit = currentUnit()
      const hash = tokenHash(id)
      const own = unit.overlay.get(recordKey(MODEL, hash))
      if (own !== undefined) return own ?? undefined
      const row = await readIn(unit, () =>
        core.store.db
          .selectFrom('access_tokens')
          .select(['payload', 'revoked_at'])
          .where('hash', '=', hash)
          .executeTakeFirst(),
      )
      if (!row || row.revoked_at !== null) return undefined
      return { ...parseObject(row.payload), jti: id }
    },

    async destroy(id) {
      const unit = currentUnit()
      const hash = tokenHash(id)
      unit.overlay.set(recordKey(MODEL, hash), null)
      unit.operations.push({
        audits: false,
        async run({ db }) {
          await db
            .updateTable('access_tokens')
            .set({ revoked_at: unit.now })
            .where('hash', '=', hash)
            .where('revoked_at', 'is', null)
            .execute()
        },
      })
    },
  }
}
