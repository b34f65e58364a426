// The authorization server as the other rooms see it: /oauth/*, the well-known documents, and the pending requests that
// the login and consent pages finish. The protocol core is oidc-provider; everything around it is in this folder.

import type { Context } from 'hono'
import { exportJWK, generateKeyPair } from 'jose'
import type Provider from 'oidc-provider'
import { gatewaySecret } from '../credentials/gateway-secrets.ts'
import type { Interactions } from '../grants/pending-authorization.ts'
import { AppError, isAppError } from '../kernel/app-error.ts'
import { oauthErrorOf } from './answers.ts'
import { derivedCookies } from './browser-session.ts'
import { createClientDocuments } from './client-documents.ts'
import type { Keys } from './configuration.ts'
import { allowedOrigin, preflight, refuseForeignPage, withCors } from './cors.ts'
import type { AuthServerDeps } from './deps.ts'
import { eventRow } from './events.ts'
import { createInteractions } from './interactions.ts'
import { metadataDocument, wellKnown } from './metadata.ts'
import { type ProtectedResource, protectedResource } from './protected-resource.ts'
import { buildProvider } from './provider.ts'
import { readBody } from './read-body.ts'
import { parseObject } from './records.ts'
import { refusalMessage } from './refusal-page.ts'
import { register } from './registration.ts'
import { createRoom, type Room } from './registration-room.ts'
import { type Captured, libraryHeaders, runProvider, toResponse } from './run-provider.ts'
import { createStrangers, type Strangers } from './strangers.ts'
import { sweep } from './sweep.ts'
import { easeTokenRequest } from './token-request.ts'
import { type Facts, type OidcUnit, runUnit } from './unit-of-work.ts'

export interface AuthServer {
  /** Answers /oauth/* and /.well-known/*; anything else there gets a 404 that names the right URL. */
  handle(c: Context): Promise<Response>
  interactions: Interactions
  /** The RFC 9728 document of an endpoint path as typed (`/mcp/`), '' for the root; null when there is no endpoint. */
  protectedResource(path: string): ProtectedResource | null
  /** Removes what has been expired for long; bounded, to be called every few minutes. */
  sweep(): Promise<void>
}

export function createAuthServer(deps: AuthServerDeps): AuthServer {
  const provider = providerCache(deps)
  const strangers = createStrangers(deps)
  const parts: Parts = {
    deps,
    provider,
    strangers,
    room: createRoom(deps),
    serve: serveWith(deps, strangers),
  }
  return {
    handle: (c) => handle(parts, c),
    interactions: createInteractions(deps, provider, strangers),
    protectedResource: (path) => protectedResource(deps, path),
    sweep: () => sweep(deps),
  }
}

type GetProvider = () => Promise<Provider>
type Serve = (facts: Facts, work: (unit: OidcUnit) => Promise<Response>) => Promise<Response>

interface Parts {
  deps: AuthServerDeps
  provider: GetProvider
  strangers: Strangers
  room: Room
  serve: Serve
}

/** One library per issuer. Keys are read when first needed, and again when that failed. */
function providerCache(deps: AuthServerDeps): GetProvider {
  const documents = createClientDocuments(deps.core, { safeFetch: deps.safeFetch })
  let built: { key: string; provider: Promise<Provider> } | undefined
  return () => {
    const key = `${deps.publicUrl()} ${deps.auth().clientDocuments}`
    if (built?.key === key) return built.provider
    const provider = loadKeys(deps).then((keys) => buildProvider(deps, keys, documents))
    built = { key, provider }
    provider.catch(() => {
      if (built?.provider === provider) built = undefined
    })
    return provider
  }
}

async function loadKeys({ core, vault }: AuthServerDeps): Promise<Keys> {
  const jwk = await gatewaySecret(core, vault, 'oauth-signing-key', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    return JSON.stringify({ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' })
  })
  const cookies = await gatewaySecret(core, vault, 'oauth-cookie-key', () =>
    core.random(32).toString('base64url'),
  )
  return { jwks: { keys: [parseObject(jwk)] }, cookies: [cookies] }
}

/** Runs a unit, records its events after the commit, and turns what failed into an answer. */
function serveWith({ core, journal }: AuthServerDeps, strangers: Strangers): Serve {
  return async (facts, work) => {
    const { result, unit } = await runUnit(core, facts, async (unit) => {
      const response = await work(unit)
      // A fault in the middle leaves half of a decision behind: none of it counts.
      if (response.status >= 500) unit.operations.length = 0
      return response
    })
    for (const event of strangers.recorded(unit))
      journal.record('auth', eventRow(core, unit, event))
    await strangers.committed(unit)
    return result
  }
}

const PROGRAMS: Record<string, 'POST' | 'GET'> = {
  '/oauth/token': 'POST',
  '/oauth/register': 'POST',
  '/oauth/revoke': 'POST',
  '/oauth/introspect': 'POST',
  '/oauth/par': 'POST',
  '/oauth/jwks': 'GET',
}
const LONGEST_REQUEST = 8 * 1024
const AUTHORIZE = /^\/oauth\/authorize(?:\/([\w-]{1,64}))?$/

async function handle(parts: Parts, c: Context): Promise<Response> {
  const { deps } = parts
  const { pathname } = new URL(c.req.url)
  const authorize = AUTHORIZE.exec(pathname)
  if (authorize) return browser(parts, c, authorize[1])
  const origin = allowedOrigin(deps, c.req.raw.headers)
  try {
    if (c.req.method === 'POST') refuseForeignPage(c.req.header('origin'), origin)
    return withCors(await program(parts, c, pathname, origin), origin)
  } catch (error) {
    if (!isAppError(error)) throw error
    return withCors(oauthErrorOf(error), origin)
  }
}

async function program(
  { deps, provider, strangers, room, serve }: Parts,
  c: Context,
  pathname: string,
  origin: string | undefined,
): Promise<Response> {
  const known = wellKnown(pathname)
  const method = known ? 'GET' : PROGRAMS[pathname]
  if (method === undefined)
    throw new AppError('wrong_path', `Nothing answers at ${pathname}.`, {
      remedy: `The addresses are in ${deps.publicUrl()}/.well-known/oauth-authorization-server`,
    })
  if (c.req.method === 'OPTIONS') return preflight(method, origin)
  if (c.req.method !== method && !(method === 'GET' && c.req.method === 'HEAD')) {
    const refused = oauthErrorOf(
      new AppError('method_not_allowed', `${pathname} answers ${method}, not ${c.req.method}.`),
    )
    refused.headers.set('allow', `${method}, OPTIONS`)
    return refused
  }
  const headers = libraryHeaders(c.req.raw.headers, deps.publicUrl())
  // Programs get JSON whatever they say they accept, and no cookie has a meaning here.
  headers.accept = 'application/json'
  delete headers.cookie
  const facts: Facts = { origin: deps.originOf(c), signedIn: null, endpoint: pathname }
  const library = await provider()
  if (known)
    return serve(facts, async () =>
      Response.json(await metadataDocument(deps, library, known, headers), {
        headers: { 'cache-control': 'public, max-age=60' },
      }),
    )
  const body = method === 'POST' ? await readBody(c.req.raw) : undefined
  if (pathname === '/oauth/register' && body)
    return register(deps, library, { headers, body, origin: facts.origin }, room, serve)
  if (pathname === '/oauth/par' && body) {
    refuseTooLong(body.length)
    strangers.admit({ ip: facts.origin.ip })
  }
  return serve(facts, async (unit) => {
    const captured = await runProvider(library, {
      method,
      url: pathname,
      headers,
      ...(body && {
        body: pathname === '/oauth/token' ? await easeTokenRequest(deps, body) : body,
      }),
    })
    return toResponse(unit.connection ? saysWhenItEnds(captured, unit.connection) : captured)
  })
}

/** C17: the token response says when the connection ends, unless it is refreshed before. */
function saysWhenItEnds(
  captured: Captured,
  { refreshExpiresIn, endsAt }: NonNullable<OidcUnit['connection']>,
): Captured {
  if (captured.status !== 200) return captured
  const answer = {
    ...parseObject(captured.body.toString('utf8')),
    ...(refreshExpiresIn === null ? {} : { refresh_token_expires_in: refreshExpiresIn }),
    grant_expires_at: Math.floor(endsAt / 1000),
  }
  return { ...captured, body: Buffer.from(JSON.stringify(answer)) }
}

/** GET /oauth/authorize and the way back from a page: a person is looking, so failures are pages. */
async function browser(
  { deps, provider, strangers, serve }: Parts,
  c: Context,
  uid: string | undefined,
): Promise<Response> {
  if (c.req.method !== 'GET') {
    const refused = oauthErrorOf(
      new AppError(
        'method_not_allowed',
        `The authorization endpoint answers GET, not ${c.req.method}.`,
      ),
    )
    refused.headers.set('allow', 'GET')
    return refused
  }
  try {
    const cookies = c.req.header('cookie') ?? ''
    const signedIn = await deps.signedIn(cookies, c.req.header('host'))
    const origin = deps.originOf(c)
    const { pathname, search } = new URL(c.req.url)
    // Going on with a request stores no more than it removes, and needs the cookie of one that was admitted.
    if (uid === undefined) {
      refuseTooLong(search.length)
      strangers.admit({ userId: signedIn?.account.id, ip: origin.ip })
    }
    const library = await provider()
    const silently = uid === undefined && startedHere(c)
    return await serve({ origin, signedIn, silently }, async (unit) => {
      const headers = libraryHeaders(c.req.raw.headers, deps.publicUrl())
      headers.cookie = await derivedCookies(library, cookies, uid)
      const captured = await runProvider(library, {
        method: 'GET',
        url: pathname + search,
        headers,
      })
      if (unit.authorized) await unit.pendingGrant?.()
      return unit.page ? page(deps, c, unit, captured) : toResponse(captured)
    })
  } catch (error) {
    if (!isAppError(error)) throw error
    const rendered = await deps.renderMessage(c, {
      status: error.status,
      code: error.code,
      title: 'This sign-in cannot go on now',
      text: error.message,
      remedy: error.remedy ?? 'Start again from the client.',
      details: [],
    })
    const response = new Response(rendered.body, rendered)
    const retryAfter = error.data?.retryAfter
    if (typeof retryAfter === 'number') response.headers.set('retry-after', String(retryAfter))
    return response
  }
}

/** Of a pending request all of this is stored, and real ones are a tenth as long. @throws AppError too_large */
function refuseTooLong(length: number): void {
  if (length > LONGEST_REQUEST)
    throw new AppError(
      'too_large',
      `An authorization request has at most ${LONGEST_REQUEST} characters.`,
      { remedy: 'Tell the maker of the client: most likely it sends a long state.' },
    )
}

/** Not led here by another site, as far as the browser says (threats.md row 6): one that says nothing may have been. */
function startedHere(c: Context): boolean {
  const site = c.req.header('sec-fetch-site')
  return site === 'none' || site === 'same-origin'
}

async function page(deps: AuthServerDeps, c: Context, unit: OidcUnit, captured: Captured) {
  const rendered = await deps.renderMessage(c, refusalMessage(unit.page!))
  const response = new Response(rendered.body, rendered)
  for (const cookie of [captured.headers['set-cookie'] ?? []].flat())
    response.headers.append('set-cookie', cookie)
  response.headers.set('cache-control', 'no-store')
  return response
}
