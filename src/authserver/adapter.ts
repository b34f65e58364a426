// The storage hook of the protocol library. It reads rows overlaid with the unit's own writes and never writes itself:
// every write becomes a conditional operation of the unit (see unit-of-work.ts).
import type { Adapter } from 'oidc-provider'
import type { Vault } from '../credentials/vault.ts'
import { tokenHash } from '../kernel/digest.ts'
import type { Core } from '../logs/core.ts'
import { accessTokenAdapter } from './adapter-access-token.ts'
import { clientAdapter } from './adapter-client.ts'
import { grantAdapter } from './adapter-grant.ts'
import { fromRow, recordKey, toRow } from './records.ts'
import { keepGrantUntil, RETRIES, retryable } from './refresh-rule.ts'
import { Conflict, currentUnit, type OidcUnit, type Payload, readIn } from './unit-of-work.ts'

/** What an adapter of one model implements; the rest of the library's interface is never reached by our features. */
export type ModelAdapter = Pick<Adapter, 'upsert' | 'find' | 'destroy'> &
  Partial<Pick<Adapter, 'consume' | 'findByUid' | 'revokeByGrantId'>>

export interface AdapterDeps {
  core: Core
  vault: Vault
}

export function createAdapter(deps: AdapterDeps): (model: string) => Adapter {
  const own: Record<string, (deps: AdapterDeps) => ModelAdapter> = {
    AccessToken: accessTokenAdapter,
    Client: clientAdapter,
    Grant: grantAdapter,
  }
  return (model) => {
    const adapter = own[model]?.(deps) ?? recordAdapter(deps, model)
    return {
      consume: () => unsupported(model, 'consume'),
      findByUid: () => unsupported(model, 'findByUid'),
      revokeByGrantId: async () => {},
      ...adapter,
      findByUserCode: () => unsupported(model, 'findByUserCode'),
    }
  }
}

const unsupported = (model: string, method: string): Promise<never> =>
  Promise.reject(new TypeError(`${model} has no ${method}.`))

function recordAdapter({ core, vault }: AdapterDeps, model: string): ModelAdapter {
  const read = async (unit: OidcUnit, column: 'id_hash' | 'uid_hash', hash: string) =>
    readIn(unit, () =>
      core.store.db
        .selectFrom('oidc_records')
        .selectAll()
        .where('model', '=', model)
        .where(column, '=', hash)
        .executeTakeFirst(),
    )

  return {
    async upsert(id, payload, ttl) {
      const unit = currentUnit()
      const row = toRow(vault, model, id, payload as Payload, unit.now, ttl)
      const key = recordKey(model, row.id_hash)
      const before = unit.rows.get(key)
      unit.overlay.set(key, { ...(payload as Payload), jti: id })
      if (row.uid_hash)
        unit.overlay.set(`uid:${row.uid_hash}`, { ...(payload as Payload), jti: id })
      if (model === 'RefreshToken' && row.grant_id !== null) {
        row.parent_hash = unit.consumed.get(row.grant_id) ?? null
        keepGrantUntil(unit, row.grant_id, row.expires_at)
      }
      const { payload: stored, expires_at, account_id, uid_hash } = row
      unit.operations.push({
        audits: false,
        async run({ db }) {
          // Two submissions of one consent page: the second must see what the first decided.
          if (before && model === 'Interaction') {
            const done = await db
              .updateTable('oidc_records')
              .set({ payload: stored, expires_at })
              .where('model', '=', model)
              .where('id_hash', '=', row.id_hash)
              .where('payload', '=', before.payload)
              .executeTakeFirst()
            if (done.numUpdatedRows === 0n) throw new Conflict('The interaction has moved on.')
            return
          }
          await db
            .insertInto('oidc_records')
            .values(row)
            .onConflict((conflict) =>
              conflict
                .columns(['model', 'id_hash'])
                .doUpdateSet({ payload: stored, expires_at, account_id, uid_hash }),
            )
            .execute()
        },
      })
    },

    async find(id) {
      const unit = currentUnit()
      const hash = tokenHash(id)
      const key = recordKey(model, hash)
      const own = unit.overlay.get(key)
      if (own !== undefined) return own ?? undefined
      // Read once per unit: what a condition is checked against is what the decision was made on.
      const row = unit.rows.get(key) ?? (await read(unit, 'id_hash', hash))
      if (!row) return undefined
      unit.rows.set(key, row)
      const payload = fromRow(vault, row, id)
      // Whether it may be used again is a question only where tokens are used.
      if (row.consumed_at === null || unit.facts.endpoint !== '/oauth/token') return payload
      if (model === 'RefreshToken') {
        if (await readIn(unit, () => retryable(core.store.db, row, unit.now))) {
          unit.retried.add(hash)
          delete payload.consumed
        } else unit.revokeReason = 'A refresh token was used again after its successor.'
      } else unit.revokeReason = 'An authorization code was used twice.'
      return payload
    },

    async findByUid(uid) {
      const unit = currentUnit()
      const hash = tokenHash(uid)
      const own = unit.overlay.get(`uid:${hash}`)
      if (own !== undefined) return own ?? undefined
      const row = await read(unit, 'uid_hash', hash)
      return row && fromRow(vault, row)
    },

    async consume(id) {
      const unit = currentUnit()
      const hash = tokenHash(id)
      const key = recordKey(model, hash)
      const grantId = unit.rows.get(key)?.grant_id
      if (grantId && model === 'RefreshToken') unit.consumed.set(grantId, hash)
      const again = unit.retried.has(hash)
      unit.operations.push({
        audits: false,
        async run({ db }) {
          const row = db
            .updateTable('oidc_records')
            .where('model', '=', model)
            .where('id_hash', '=', hash)
          if (again) {
            // The rule is asked again inside the transaction: the successor may have been used meanwhile.
            const fresh = await db
              .selectFrom('oidc_records')
              .selectAll()
              .where('model', '=', model)
              .where('id_hash', '=', hash)
              .executeTakeFirst()
            if (!fresh || !(await retryable(db, fresh, unit.now)))
              throw new Conflict('The successor of the refresh token was used.')
            const counted = await row
              .set((e) => ({ retries: e('retries', '+', 1) }))
              // Of many at once each was let through on the same count.
              .where('retries', '<', RETRIES)
              .executeTakeFirst()
            if (counted.numUpdatedRows === 0n)
              throw new Conflict('The refresh token was tried too often.')
            return
          }
          const done = await row
            .set({ consumed_at: unit.now })
            .where('consumed_at', 'is', null)
            .executeTakeFirst()
          if (done.numUpdatedRows === 0n)
            throw new Conflict(`The ${model} was used by another request.`)
        },
      })
    },

    async destroy(id) {
      const unit = currentUnit()
      const hash = tokenHash(id)
      const key = recordKey(model, hash)
      unit.overlay.set(key, null)
      // The row of a refresh token stays: its grant is what dies, and a later use still gets a good reason.
      if (model === 'RefreshToken') return
      unit.operations.push({
        audits: false,
        async run({ db }) {
          const gone = await db
            .deleteFrom('oidc_records')
            .where('model', '=', model)
            .where('id_hash', '=', hash)
            .executeTakeFirst()
          // Whoever removes the interaction owns its result: two resumes must not give two codes.
          if (model === 'Interaction' && gone.numDeletedRows === 0n)
            throw new Conflict('The interaction was resumed by another request.')
        },
      })
    },
  }
}
