// API keys: made, listed, revoked. The key itself is shown once; only its hash is kept.
import { AppError } from '../kernel/app-error.ts'
import { tokenHash } from '../kernel/digest.ts'
import { loginKey } from '../kernel/login-name.ts'
import { Secret } from '../kernel/secret.ts'
import { days, hours, seconds } from '../kernel/time.ts'
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { By } from '../logs/event.ts'
import { parseResource, scopesFrom, storedScopes } from './scope-of-use.ts'
import { newApiKey } from './token-format.ts'

/** Short, so that a key made to try something out does not lie around for years. */
export const DEFAULT_LIFETIME = hours(1)
const SHORTEST_LIFETIME = seconds(1)
const LONGEST_LIFETIME = days(3660)
const LONGEST_NAME = 100
const PREFIX_SHOWN = 9

export interface NewKey {
  userLogin: string
  /** What the key is for, in the words of who made it. */
  name: string
  /** null: does not expire. Left out: an hour. */
  ttlMs?: number | null | undefined
  /** Left out: `mcp`, everything the person may use. */
  scopes?: readonly string[] | undefined
  /** Endpoint path such as `/s/notes/mcp`; left out or null is every endpoint. */
  resource?: string | null | undefined
}

export interface ApiKey {
  id: string
  prefix: string
  name: string
  user: { id: string; login: string; name: string }
  scopes: string[]
  resource: string | null
  createdAt: number
  expiresAt: number | null
  firstUsedAt: number | null
  lastUsedAt: number | null
  lastIp: string | null
  calls: number
  revokedAt: number | null
}

/** @throws AppError not_found | conflict | invalid_input */
export function createKey(
  core: Core,
  by: By,
  input: NewKey,
): Promise<{ id: string; key: Secret; expiresAt: number | null }> {
  const name = parseKeyName(input.name)
  const scopes = storedScopes(input.scopes ?? ['mcp'])
  const resource = input.resource == null ? null : parseResource(input.resource)
  const now = core.clock.now()
  const ttl = parseLifetime(input.ttlMs)
  const expiresAt = ttl === null ? null : now + ttl
  const id = core.newId('key')
  const key = newApiKey(core.random)
  return change(core, by, async (unit) => {
    const user = await unit.db
      .selectFrom('users')
      .select(['id', 'login', 'disabled_at'])
      .where('login_key', '=', loginKey(input.userLogin))
      .executeTakeFirst()
    if (!user)
      throw new AppError('not_found', `There is no user with the login name ${input.userLogin}.`, {
        remedy: '`mooring users list` shows all of them.',
      })
    if (user.disabled_at !== null)
      throw new AppError(
        'conflict',
        `The account ${user.login} is disabled, so its keys are too.`,
        {
          remedy: 'Enable the account first, or make the key for another one.',
        },
      )
    const eventId = await unit.audit({
      code: 'key.created',
      target: { type: 'key', id, name },
      userId: user.id,
      detail: { user: user.login, scopes: scopesFrom(scopes), resource, expiresAt },
    })
    await unit.db
      .insertInto('api_keys')
      .values({
        id,
        hash: tokenHash(key),
        prefix: key.slice(0, PREFIX_SHOWN),
        name,
        user_id: user.id,
        scopes,
        resource,
        created_at: now,
        expires_at: expiresAt,
        first_used_at: null,
        last_used_at: null,
        last_ip: null,
        calls: 0,
        event_id: eventId,
        revoked_at: null,
      })
      .execute()
    unit.changed('key', id)
    return { id, key: new Secret(key), expiresAt }
  })
}

/** Newest first, revoked and expired ones included. */
export async function listKeys(core: Core, filter: { userId?: string } = {}): Promise<ApiKey[]> {
  let query = core.store.db
    .selectFrom('api_keys as k')
    .innerJoin('users as u', 'u.id', 'k.user_id')
    .selectAll('k')
    .select(['u.login', 'u.name as user_name'])
    .orderBy('k.created_at', 'desc')
    .orderBy('k.id')
  if (filter.userId !== undefined) query = query.where('k.user_id', '=', filter.userId)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    prefix: row.prefix,
    name: row.name,
    user: { id: row.user_id, login: row.login, name: row.user_name },
    scopes: scopesFrom(row.scopes),
    resource: row.resource,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    firstUsedAt: row.first_used_at,
    lastUsedAt: row.last_used_at,
    lastIp: row.last_ip,
    calls: row.calls,
    revokedAt: row.revoked_at,
  }))
}

/** The next request with the key is refused. Doing it twice changes nothing. @throws AppError not_found */
export function revokeKey(core: Core, by: By, id: string): Promise<void> {
  return change(
    core,
    by,
    async (unit) => {
      const row = await unit.db
        .selectFrom('api_keys')
        .select(['name', 'user_id', 'revoked_at'])
        .where('id', '=', id)
        .executeTakeFirst()
      if (!row)
        throw new AppError('not_found', `There is no API key with the id ${id}.`, {
          remedy: '`mooring keys list` shows all of them.',
        })
      await unit.db
        .updateTable('api_keys')
        .set({ revoked_at: core.clock.now() })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .execute()
      unit.changed('key', id)
      await unit.audit({
        code: 'key.revoked',
        target: { type: 'key', id, name: row.name },
        userId: row.user_id,
        ...(row.revoked_at !== null && { reason: 'was revoked already' }),
      })
    },
    { urgent: true },
  )
}

function parseKeyName(text: string): string {
  const name = text.normalize('NFC').trim()
  if (name === '' || Array.from(name).length > LONGEST_NAME || /[\p{C}\p{Zl}\p{Zp}]/u.test(name))
    throw new AppError(
      'invalid_input',
      `The name of a key has 1 to ${LONGEST_NAME} characters, none of them invisible.`,
      { remedy: 'Say in a few words what the key is for.' },
    )
  return name
}

function parseLifetime(ttl: number | null | undefined): number | null {
  if (ttl === null) return null
  const lifetime = ttl ?? DEFAULT_LIFETIME
  if (!(lifetime >= SHORTEST_LIFETIME && lifetime <= LONGEST_LIFETIME))
    throw new AppError('invalid_input', 'A key lives between one second and ten years.', {
      remedy: 'Give another lifetime, or ask for a key that does not expire.',
    })
  return Math.floor(lifetime)
}
