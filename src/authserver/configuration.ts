// The configuration of the protocol library. Every deviation from its defaults has its reason beside it; what differs
// per request (scopes, resources, lifetimes) is a function, so the Provider need not be rebuilt when servers come and
// go: our scopes live only in getResourceServerInfo, never in the library's static `scopes`, and the metadata document
// gets them when it is answered. Only another public URL (the issuer) makes another Provider.
import type { Configuration, JWKS, KoaContextWithOIDC } from 'oidc-provider'
import { errors } from 'oidc-provider'
import { createAdapter } from './adapter.ts'
import { clientRow } from './adapter-client.ts'
import type { ClientDocuments } from './client-documents.ts'
import type { AuthServerDeps } from './deps.ts'
import { createPolicy } from './prompts.ts'
import { parseObject, text } from './records.ts'
import { defaultResource, resourceOf } from './resources.ts'
import { scopesAsked, scopesOfResource } from './scopes-asked.ts'
import { loadGrant } from './silent-grant.ts'
import { currentUnit } from './unit-of-work.ts'

export interface Keys {
  jwks: JWKS
  cookies: string[]
}

/** A longer body than this is cut off before the library sees it; its own limit is 56 KiB. */
export const MAX_BODY = 56 * 1024
const MINUTE = 60
const DAY = 24 * 60 * MINUTE
/** The end of a grant is a column of our own row, so the library's is set out of the way. */
const FOREVER = 100 * 365 * DAY

export function configure(
  deps: AuthServerDeps,
  keys: Keys,
  documents: ClientDocuments,
): Configuration {
  const { core, auth } = deps
  const secure = deps.publicUrl().startsWith('https:')
  return {
    adapter: createAdapter(deps),
    jwks: keys.jwks,
    cookies: {
      keys: keys.cookies,
      // The prefixes bind a cookie to this host; browsers refuse them on plain http.
      names: {
        session: secure ? '__Host-mooring_oauth' : 'mooring_oauth',
        interaction: secure ? '__Secure-mooring_request' : 'mooring_request',
        resume: secure ? '__Secure-mooring_resume' : 'mooring_resume',
      },
      long: { httpOnly: true, sameSite: 'lax', path: '/', secure },
      short: { httpOnly: true, sameSite: 'lax', secure },
    },
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      registration: '/oauth/register',
      revocation: '/oauth/revoke',
      introspection: '/oauth/introspect',
      jwks: '/oauth/jwks',
      pushed_authorization_request: '/oauth/par',
      end_session: '/oauth/session/end',
    },
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'] },
    subjectTypes: ['public'],
    clientAuthMethods: ['none', 'client_secret_post', 'client_secret_basic'],
    // Absent, RFC 8414 means client_secret_basic only, and public clients believe they cannot revoke.
    discovery: {
      revocation_endpoint_auth_methods_supported: [
        'none',
        'client_secret_post',
        'client_secret_basic',
      ],
      introspection_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    },
    clientDefaults: {
      grant_types: ['authorization_code', 'refresh_token'],
      // The library's RS256 would refuse every registration, since our only key is an EC key.
      id_token_signed_response_alg: 'ES256',
    },
    pkce: { required: () => true },
    // Everything about a browser session of the library is derived from ours: see browser-session.ts.
    interactions: {
      policy: createPolicy(),
      url: (_ctx, interaction) => `/${interaction.prompt.name}/${interaction.uid}`,
    },
    findAccount: async (_ctx, id) => {
      const account = await deps.findAccount(id)
      return account ? { accountId: id, claims: () => ({ sub: id }) } : undefined
    },
    loadExistingGrant: (ctx) => loadGrant(deps, ctx),
    extraParams: { scope: (ctx) => cutScopes(deps, ctx) },
    expiresWithSession: () => false,
    // Not tied to offline_access, which most clients never ask for.
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    ttl: {
      AccessToken: () => auth().accessTokenTtl,
      AuthorizationCode: MINUTE,
      Grant: FOREVER,
      IdToken: 60 * MINUTE,
      Interaction: 10 * MINUTE,
      // A function, because the library gives rotated tokens of public web clients only what was left of the first.
      RefreshToken: () => auth().refreshTokenTtl,
      Session: 14 * DAY,
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      dPoP: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      claimsParameter: { enabled: false },
      pushedAuthorizationRequests: { enabled: true },
      registration: {
        enabled: true,
        idFactory: () => core.newId('cli'),
        secretFactory: () => core.random(32).toString('base64url'),
        issueRegistrationAccessToken: false,
      },
      revocation: {
        enabled: true,
        // RFC 7009 §2.1: refused. A public client is told nothing, since anyone can name its client_id.
        allowedPolicy: async (_ctx, client, token) => {
          if (token.clientId === client.clientId) return true
          if (client.clientAuthMethod === 'none') return false
          throw new errors.InvalidRequest('The token was issued to another client.')
        },
      },
      introspection: {
        enabled: true,
        // Confidential clients, and only about their own tokens.
        allowedPolicy: async (_ctx, client, token) =>
          client.clientAuthMethod !== 'none' && token.clientId === client.clientId,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, _client, oneOf) =>
          Array.isArray(oneOf) ? oneOf[0]! : defaultResource(deps),
        useGrantedResource: async () => true,
        getResourceServerInfo: (ctx, identifier) => {
          const asked = ctx.oidc.params?.resource
          if (Array.isArray(asked) && new Set(asked).size > 1)
            throw new errors.InvalidTarget('Ask for one resource at a time.')
          const resource = resourceOf(deps, identifier)
          return {
            scope: scopesOfResource(resource, deps.serverNames()).join(' '),
            audience: identifier,
            accessTokenTTL: auth().accessTokenTtl,
            accessTokenFormat: 'opaque',
          }
        },
      },
      clientIdMetadataDocument: {
        enabled: auth().clientDocuments,
        // Experimental: another draft in an upgrade must stop the start, not change the rules silently.
        ack: 'draft-02',
        allowFetch: async (_ctx, id) => notBlocked(deps, id),
        allowClient: async (_ctx, client) => notBlocked(deps, client.clientId),
        // The hook keeps the documents; this memory only saves parsing.
        cacheDuration: { min: 5, max: 300 },
      },
    },
    fetch: async (url) => {
      // Neither the library's dispatcher nor its 2.5 s signal: safe-fetch has its own rules.
      const { ip } = currentUnit().facts.origin
      return documents.fetch(url instanceof Request ? url.url : url.toString(), ip)
    },
    fetchResponseBodyLimits: {
      'client_id metadata document': 64 * 1024,
      jwks_uri: 64 * 1024,
      sector_identifier_uri: 64 * 1024,
    },
    // Kept for the page that a person sees, which is rendered after the unit is committed.
    renderError: (ctx, out, error) => {
      const { client, params } = ctx.oidc
      currentUnit().page = {
        status: ctx.status,
        code: out.error,
        description: out.error_description ?? '',
        error,
        clientId: client?.clientId ?? text(params?.client_id ?? ctx.query.client_id),
        redirectUri: text(params?.redirect_uri ?? ctx.query.redirect_uri),
        registered: client?.redirectUris ?? [],
      }
      ctx.body = ''
    },
  }
}

/** A revoked metadata document client is a blocked URL. */
async function notBlocked({ core }: AuthServerDeps, id: string): Promise<boolean> {
  const row = await clientRow(core, currentUnit(), id)
  return row === null || row.revoked_at === null
}

async function cutScopes(deps: AuthServerDeps, ctx: KoaContextWithOIDC): Promise<void> {
  const { params, client } = ctx.oidc
  if (!params || !client) return
  const named = Array.isArray(params.resource) ? params.resource[0] : params.resource
  const resource = resourceOf(deps, text(named) ?? defaultResource(deps))
  const row = await clientRow(deps.core, currentUnit(), client.clientId)
  const ceiling = row?.kind === 'static' ? text(parseObject(row.metadata).scope) : null
  params.scope = scopesAsked(
    text(params.scope) ?? undefined,
    scopesOfResource(resource, deps.serverNames()),
    ceiling === null ? null : ceiling.split(' '),
  )
}
