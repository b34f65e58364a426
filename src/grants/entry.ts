// What the store knows of one credential, read in one statement, in the shape the hot path checks.
import type { Core } from '../logs/core.ts'
import type { Principal } from './principal.ts'
import { scopesFrom } from './scope-of-use.ts'
import type { TokenKind } from './token-format.ts'

export interface Entry {
  kind: 'grant' | 'key'
  /** Changes that make this copy stale, as `topic ref`. */
  refs: readonly string[]
  revoked: { at: number; reason: string | null } | null
  /** When it ends, and what it is that ends. */
  expires: { at: number; what: 'access token' | 'connection' | 'API key' } | null
  /** Endpoint URL of a token; null for a key. */
  resourceUrl: string | null
  /** Without the resource of a token, which depends on the public URL. */
  principal: Principal
  disabled: boolean
}

export const refOf = (topic: string, ref: string) => `${topic} ${ref}`

export const readEntry = (core: Core, kind: TokenKind, hash: string): Promise<Entry | null> =>
  kind === 'key' ? readKey(core, hash) : readAccessToken(core, hash)

async function readAccessToken(core: Core, hash: string): Promise<Entry | null> {
  const row = await core.store.db
    .selectFrom('access_tokens as t')
    .innerJoin('grants as g', 'g.id', 't.grant_id')
    .innerJoin('users as u', 'u.id', 'g.user_id')
    .leftJoin('clients as c', 'c.id', 'g.client_id')
    .select(['t.resource', 't.scopes', 't.expires_at', 't.revoked_at'])
    .select(['g.id', 'g.client_id', 'g.client_name', 'g.event_id', 'g.revoked_reason'])
    .select(['g.expires_at as grant_expires_at', 'g.revoked_at as grant_revoked_at'])
    .select(['u.id as user_id', 'u.login', 'u.name', 'u.role', 'u.disabled_at'])
    .select('c.revoked_at as client_revoked_at')
    .where('t.hash', '=', hash)
    .executeTakeFirst()
  if (!row) return null
  const revokedAt = row.grant_revoked_at ?? row.revoked_at ?? row.client_revoked_at
  const grantEndsFirst = row.grant_expires_at !== null && row.grant_expires_at < row.expires_at
  const expires = grantEndsFirst
    ? { at: row.grant_expires_at!, what: 'connection' as const }
    : { at: row.expires_at, what: 'access token' as const }
  return {
    kind: 'grant',
    refs: [refOf('grant', row.id), refOf('user', row.user_id), refOf('client', row.client_id)],
    revoked: revokedAt === null ? null : { at: revokedAt, reason: row.revoked_reason },
    expires,
    resourceUrl: row.resource,
    principal: {
      id: row.id,
      kind: 'grant',
      user: { id: row.user_id, login: row.login, name: row.name, role: row.role },
      client: { id: row.client_id, name: row.client_name },
      scopes: new Set(scopesFrom(row.scopes)),
      resource: null,
      expiresAt: expires.at,
      eventId: row.event_id,
    },
    disabled: row.disabled_at !== null,
  }
}

async function readKey(core: Core, hash: string): Promise<Entry | null> {
  const row = await core.store.db
    .selectFrom('api_keys as k')
    .innerJoin('users as u', 'u.id', 'k.user_id')
    .select(['k.id', 'k.resource', 'k.scopes', 'k.expires_at', 'k.revoked_at', 'k.event_id'])
    .select(['u.id as user_id', 'u.login', 'u.name', 'u.role', 'u.disabled_at'])
    .where('k.hash', '=', hash)
    .executeTakeFirst()
  if (!row) return null
  return {
    kind: 'key',
    refs: [refOf('key', row.id), refOf('user', row.user_id)],
    revoked: row.revoked_at === null ? null : { at: row.revoked_at, reason: null },
    expires: row.expires_at === null ? null : { at: row.expires_at, what: 'API key' },
    resourceUrl: null,
    principal: {
      id: row.id,
      kind: 'key',
      user: { id: row.user_id, login: row.login, name: row.name, role: row.role },
      client: null,
      scopes: new Set(scopesFrom(row.scopes)),
      resource: row.resource,
      expiresAt: row.expires_at,
      eventId: row.event_id,
    },
    disabled: row.disabled_at !== null,
  }
}
