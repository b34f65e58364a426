// The verbs on OAuth clients: list, show, revoke, restore, add by hand, trust. Revoking one ends all its connections in
// the same transaction; for a client with a metadata document it also blocks that URL until it is restored.

import type { Vault } from '../credentials/vault.ts'
import { revokeGrantsOfClientIn } from '../grants/grants.ts'
import { AppError } from '../kernel/app-error.ts'
import { Secret } from '../kernel/secret.ts'
import { change, type Unit } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { By } from '../logs/event.ts'
import type { ClientTable, StateRow } from '../store/tables/state.ts'
import { clientSecretAad } from './adapter-client.ts'
import { checkDocumentUrl } from './client-document-rules.ts'
import { verifiedHost } from './client-identity.ts'
import { parseObject } from './records.ts'
import { CLAUDE_CALLBACKS } from './redirect-rules.ts'
import { normaliseRegistration } from './registration-rules.ts'

type Row = StateRow<'clients'>

export interface ClientInfo {
  id: string
  kind: ClientTable['kind']
  name: string
  /** Host whose metadata document vouches for it; null is unverified. */
  verifiedHost: string | null
  redirectUris: string[]
  /** The most a static client may ask for; null is no limit. */
  scopes: string[] | null
  /** It has a secret. */
  confidential: boolean
  trusted: boolean
  createdAt: number
  /** Address or network that registered it. */
  createdFrom: string | null
  lastUsedAt: number | null
  revokedAt: number | null
  /** Connections that are not revoked. */
  grants: number
}

/** Newest first, revoked ones included. */
export async function listClients(core: Core): Promise<ClientInfo[]> {
  const rows = await core.store.db
    .selectFrom('clients')
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .execute()
  const counts = await core.store.db
    .selectFrom('grants')
    .select(['client_id', (e) => e.fn.countAll().as('grants')])
    .where('revoked_at', 'is', null)
    .groupBy('client_id')
    .execute()
  const grants = new Map(counts.map((count) => [count.client_id, Number(count.grants)]))
  return rows.map((row) => infoOf(row, grants.get(row.id) ?? 0))
}

/** @throws AppError not_found */
export async function showClient(core: Core, id: string): Promise<ClientInfo> {
  const row = await core.store.db
    .selectFrom('clients')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw unknownClient(id)
  const { grants } = await core.store.db
    .selectFrom('grants')
    .select((e) => e.fn.countAll().as('grants'))
    .where('client_id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow()
  return infoOf(row, Number(grants))
}

/**
 * No new sign-in, and every connection of the client is revoked. Returns how many were.
 * A metadata document URL can be blocked before it was ever used. @throws AppError not_found
 */
export function revokeClient(core: Core, by: By, id: string): Promise<number> {
  return change(
    core,
    by,
    async (unit) => {
      const now = core.clock.now()
      await blockUnused(unit, id, now)
      const row = await mark(unit, id, { revoked_at: now })
      const revoked = await revokeGrantsOfClientIn(unit, id, 'client revoked', now)
      await unit.audit({ code: 'client.revoked', ...subject(row), detail: { grants: revoked } })
      return revoked
    },
    { urgent: true },
  )
}

/** Takes a revocation back: the client may ask again. Its old connections stay revoked. @throws AppError not_found */
export function restoreClient(core: Core, by: By, id: string): Promise<void> {
  return change(core, by, async (unit) => {
    const row = await mark(unit, id, { revoked_at: null })
    await unit.audit({ code: 'client.restored', ...subject(row) })
  })
}

/**
 * Vouches for a client: the consent page says so. A static client that is trusted and does not return to a loopback
 * address is no longer asked about, unless another site led the browser here. @throws AppError not_found
 */
export function trustClient(core: Core, by: By, id: string, trusted = true): Promise<void> {
  return change(core, by, async (unit) => {
    const row = await mark(unit, id, { trusted: trusted ? 1 : 0 })
    await unit.audit({ code: trusted ? 'client.trusted' : 'client.untrusted', ...subject(row) })
  })
}

/** Words that stand for the redirect addresses of a known program. */
const PRESETS: ReadonlyMap<string, readonly string[]> = new Map([['claude', CLAUDE_CALLBACKS]])

export interface StaticClient {
  name: string
  /** Addresses, or `claude` for both of hosted Claude. */
  redirectUris: readonly string[]
  /** The most it may ask for; all scopes when left out. */
  scopes?: readonly string[] | undefined
}

/** The secret is shown once; only its sealed form is kept. @throws AppError invalid_redirect | invalid_client_metadata */
export async function addStaticClient(
  core: Core,
  vault: Vault,
  by: By,
  { name, redirectUris, scopes }: StaticClient,
): Promise<{ id: string; secret: Secret }> {
  // Basic is accepted for it as well: the library takes either way of sending a secret.
  const registration = normaliseRegistration(
    {
      client_name: name,
      redirect_uris: redirectUris.flatMap((uri) => PRESETS.get(uri) ?? [uri]),
      token_endpoint_auth_method: 'client_secret_post',
    },
    { scopes: [] },
  )
  if (!registration.ok)
    throw registration.error === 'invalid_redirect_uri'
      ? new AppError('invalid_redirect', registration.description, {
          remedy:
            'Give the exact address that the client returns to, as its own documentation shows it; `claude` stands for both of hosted Claude.',
        })
      : new AppError('invalid_client_metadata', registration.description, {
          remedy: 'Correct it and add the client again. Nothing was stored.',
        })
  const { metadata } = registration
  const id = core.newId('cli')
  const secret = core.random(32).toString('base64url')
  const row: Row = {
    id,
    kind: 'static',
    name: metadata.client_name,
    metadata: JSON.stringify(scopes ? { ...metadata, scope: scopes.join(' ') } : metadata),
    secret_sealed: vault.seal(secret, clientSecretAad(id)),
    fingerprint: null,
    trusted: 0,
    created_at: core.clock.now(),
    created_ip: by.origin.ip ?? null,
    last_used_at: null,
    revoked_at: null,
  }
  await change(core, by, async (unit) => {
    await unit.db.insertInto('clients').values(row).execute()
    unit.changed('client', id)
    await unit.audit({
      code: 'client.registered',
      ...subject(row),
      detail: { kind: 'static', redirectUris: metadata.redirect_uris, scopes: scopes ?? null },
    })
  })
  return { id, secret: new Secret(secret) }
}

async function mark(
  unit: Unit,
  id: string,
  set: Partial<Pick<Row, 'revoked_at' | 'trusted'>>,
): Promise<Row> {
  const row = await unit.db
    .updateTable('clients')
    .set(set)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  if (!row) throw unknownClient(id)
  unit.changed('client', id)
  return row
}

/** A metadata document client has no row before its first consent, and must be blockable all the same. */
async function blockUnused(unit: Unit, id: string, now: number): Promise<void> {
  if (verifiedHost(id) === null) return
  const { host } = checkDocumentUrl(id)
  await unit.db
    .insertInto('clients')
    .values({
      id,
      kind: 'cimd',
      name: host,
      metadata: '{}',
      secret_sealed: null,
      fingerprint: null,
      trusted: 0,
      created_at: now,
      created_ip: null,
      last_used_at: null,
      revoked_at: null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}

function infoOf(row: Row, grants: number): ClientInfo {
  const { redirect_uris, scope } = parseObject(row.metadata)
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    verifiedHost: verifiedHost(row.id),
    redirectUris: Array.isArray(redirect_uris) ? redirect_uris.map(String) : [],
    scopes: row.kind === 'static' && typeof scope === 'string' ? scope.split(' ') : null,
    confidential: row.secret_sealed !== null,
    trusted: row.trusted === 1,
    createdAt: row.created_at,
    createdFrom: row.created_ip,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    grants,
  }
}

const subject = (row: Row) => ({
  target: { type: 'client', id: row.id, name: row.name },
  clientId: row.id,
  clientName: row.name,
})

const unknownClient = (id: string) =>
  new AppError('not_found', `There is no client with the id ${id}.`, {
    remedy: '`mooring clients list` shows all of them.',
  })
