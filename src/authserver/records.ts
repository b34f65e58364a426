// oidc_records: how codes, refresh tokens, interactions and browser sessions of the library lie in the store.
// Ids are hashed; payloads that hold something usable (session ids, pushed requests) are sealed as a whole.
import type { Vault } from '../credentials/vault.ts'
import { AppError } from '../kernel/app-error.ts'
import { tokenHash } from '../kernel/digest.ts'
import type { StateRow } from '../store/tables/state.ts'
import type { Payload } from './unit-of-work.ts'

type Row = StateRow<'oidc_records'>

/** Their payloads name a session id or hold a whole request, so the table alone must not reveal them. */
const SEALED: ReadonlySet<string> = new Set([
  'Session',
  'Interaction',
  'PushedAuthorizationRequest',
])

const aad = (model: string, idHash: string) => `oidc_records:${model}/${idHash}:payload`
export const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)

export const recordKey = (model: string, idHash: string) => `${model}:${idHash}`

export function toRow(
  vault: Vault,
  model: string,
  id: string,
  payload: Payload,
  now: number,
  ttl: number | undefined,
): Row {
  const idHash = tokenHash(id)
  const { jti: _id, consumed: _consumed, ...rest } = payload
  // A session is also found by its uid, without its id at hand: the sealed payload carries it.
  const stored = JSON.stringify(model === 'Session' ? { ...rest, jti: id } : rest)
  return {
    model,
    id_hash: idHash,
    payload: SEALED.has(model) ? vault.seal(stored, aad(model, idHash)) : stored,
    grant_id: text(payload.grantId),
    uid_hash: model === 'Session' ? tokenHash(text(payload.uid) ?? '') : null,
    account_id:
      text(payload.accountId) ?? text((payload.session as Payload | undefined)?.accountId),
    client_id: text(payload.clientId),
    created_at: now,
    expires_at: ttl === undefined ? null : now + ttl * 1000,
    consumed_at: null,
    retries: 0,
    parent_hash: null,
  }
}

/** The library's payload again; `id` puts the token back where the library expects it. */
export function fromRow(vault: Vault, row: Row, id?: string): Payload {
  const stored = SEALED.has(row.model)
    ? vault.open(row.payload, aad(row.model, row.id_hash))
    : row.payload
  const payload = parseObject(stored)
  if (id !== undefined) payload.jti = id
  if (row.consumed_at !== null) payload.consumed = Math.floor(row.consumed_at / 1000)
  return payload
}

export function parseObject(json: string): Payload {
  const value: unknown = JSON.parse(json)
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new AppError('internal', 'A stored record of the authorization server is not an object.')
  return { ...value }
}
