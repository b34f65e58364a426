// Dynamic client registration (RFC 7591): made acceptable before the library sees it, the same public client only
// once, and bounded, because anyone may call it (threats.md row 38).
import type Provider from 'oidc-provider'
import { scopesOf } from '../access/scopes.ts'
import { AppError } from '../kernel/app-error.ts'
import { readJson } from '../kernel/json-body.ts'
import type { Origin } from '../logs/event.ts'
import type { StateRow } from '../store/tables/state.ts'
import { oauthError } from './answers.ts'
import type { AuthServerDeps } from './deps.ts'
import { parseObject } from './records.ts'
import type { Room } from './registration-room.ts'
import { normaliseRegistration } from './registration-rules.ts'
import { runProvider, toResponse } from './run-provider.ts'
import { type Facts, type OidcUnit, readIn } from './unit-of-work.ts'

export interface RegistrationRequest {
  headers: Record<string, string>
  body: Buffer
  origin: Origin
}

type Serve = (facts: Facts, work: (unit: OidcUnit) => Promise<Response>) => Promise<Response>

export async function register(
  deps: AuthServerDeps,
  provider: Provider,
  { headers, body, origin }: RegistrationRequest,
  room: Room,
  serve: Serve,
): Promise<Response> {
  if (!deps.auth().registration)
    return oauthError({
      status: 403,
      error: 'access_denied',
      description: 'Registration of clients is switched off on this gateway.',
      remedy: 'Ask its admin for a client id and secret, or for an API key.',
    })
  const registration = normaliseRegistration(parseBody(headers, body), {
    scopes: scopesOf(deps.serverNames()),
  })
  const facts: Facts = { origin, signedIn: null }
  if (!registration.ok)
    return serve(facts, async (unit) => {
      unit.events.push({
        code: 'auth.request_refused',
        severity: 'warn',
        outcome: 'refused',
        reason: registration.description,
        detail: { endpoint: 'registration', error: registration.error },
      })
      return oauthError({ ...registration, status: 400 })
    })

  const { metadata, scopes, fingerprint } = registration
  const scope = scopes.length > 0 ? scopes.join(' ') : null
  const admit = room.taker(origin.ip)
  return serve({ ...facts, registration: { fingerprint, scope, admit } }, async (unit) => {
    const twin = fingerprint === null ? undefined : await sameClient(deps, unit, fingerprint)
    if (twin) return created(clientAnswer(twin))
    room.check(origin.ip)
    const captured = await runProvider(provider, {
      method: 'POST',
      url: '/oauth/register',
      headers: { ...headers, accept: 'application/json', 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify(metadata)),
    })
    if (captured.status !== 201) return toResponse(captured)
    const answer = parseObject(captured.body.toString('utf8'))
    return created(scope === null ? answer : { ...answer, scope })
  })
}

/** @throws AppError unsupported_media | bad_request | too_large */
function parseBody(headers: Record<string, string>, body: Buffer): unknown {
  if (!/^application\/json\b/i.test(headers['content-type'] ?? ''))
    throw new AppError('unsupported_media', 'A registration must be sent as application/json.', {
      remedy: 'See RFC 7591 §3.1.',
    })
  return readJson(body)
}

const created = (body: Record<string, unknown>): Response =>
  Response.json(body, { status: 201, headers: { 'cache-control': 'no-store' } })

const sameClient = ({ core }: AuthServerDeps, unit: OidcUnit, fingerprint: string) =>
  readIn(unit, () =>
    core.store.db
      .selectFrom('clients')
      .selectAll()
      .where('fingerprint', '=', fingerprint)
      .where('kind', '=', 'dcr')
      .where('revoked_at', 'is', null)
      .orderBy('created_at')
      .executeTakeFirst(),
  )

const clientAnswer = (row: StateRow<'clients'>) => ({
  client_id: row.id,
  client_id_issued_at: Math.floor(row.created_at / 1000),
  ...parseObject(row.metadata),
})
