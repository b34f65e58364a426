// What a client may say about itself (RFC 7591 §2), brought into the one form that is stored. Serves dynamic
// registration and client metadata documents. What we do not need is dropped, what we cannot honour is refused.
import { z } from 'zod'
import { jsonDigest } from '../kernel/digest.ts'
import { masked } from '../kernel/mask.ts'
import { checkRedirectUri, isLoopback, isPrivateUse, redirectHost } from './redirect-rules.ts'

export interface ClientMetadata {
  client_name: string
  redirect_uris: string[]
  grant_types: ('authorization_code' | 'refresh_token')[]
  response_types: ['code']
  application_type: 'native' | 'web'
  token_endpoint_auth_method: 'none' | 'client_secret_post' | 'client_secret_basic'
  client_uri?: string
}

export type Registration =
  | {
      ok: true
      metadata: ClientMetadata
      /** Of the scopes that the body names, those we have. A wish, not a limit: no ceiling is stored. */
      scopes: string[]
      /** Equal for identical registrations of public clients, which may share one row; null with a secret. */
      fingerprint: string | null
    }
  | {
      ok: false
      error: 'invalid_redirect_uri' | 'invalid_client_metadata'
      description: string
    }

const MAX_MEMBERS = 64
const MAX_CHARACTERS = 20_000
const MAX_NAME = 200
const MAX_REDIRECTS = 20
const GRANT_TYPES = ['authorization_code', 'refresh_token'] as const
const AUTH_METHODS = ['none', 'client_secret_post', 'client_secret_basic'] as const

const words = z.array(z.string().max(200)).max(50)

/** Only what is used; every other member (keys, algorithms, logos, sector identifiers …) falls away here. */
const Body = z.object({
  client_name: z.string().optional(),
  redirect_uris: z.array(z.string()).optional(),
  grant_types: words.optional(),
  response_types: words.optional(),
  token_endpoint_auth_method: z.string().max(200).optional(),
  scope: z.string().max(8000).optional(),
  client_uri: z.unknown().optional(),
})

/** `scopes`: every scope of this gateway. The result never names one that is not among them. */
export function normaliseRegistration(
  body: unknown,
  { scopes }: { scopes: readonly string[] },
): Registration {
  const oversize = refusedSize(body)
  if (oversize !== null) return metadataError(oversize)
  const parsed = Body.safeParse(withoutEmpty(body as Record<string, unknown>))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const path = issue?.path.join('.') ?? ''
    return path.startsWith('redirect_uris')
      ? redirectError('redirect_uris must be a list of strings.')
      : metadataError(`${path}: ${issue?.message ?? 'not acceptable'}`)
  }
  const wish = parsed.data

  const redirects = [...new Set(wish.redirect_uris ?? [])]
  const badRedirect = refusedRedirects(redirects)
  if (badRedirect !== null) return redirectError(badRedirect)

  const grants = GRANT_TYPES.filter((type) => wish.grant_types?.includes(type) ?? true)
  if (!grants.includes('authorization_code'))
    return metadataError('grant_types must include authorization_code: a person has to consent.')
  if (wish.response_types && !wish.response_types.includes('code'))
    return metadataError('response_types must include code.')
  // RFC 7591 §2: client_secret_basic is what an omitted method means.
  const asked = wish.token_endpoint_auth_method ?? 'client_secret_basic'
  const method = AUTH_METHODS.find((known) => known === asked)
  if (method === undefined)
    return metadataError(
      `token_endpoint_auth_method "${shown(asked)}" is not supported. Use none, client_secret_post or client_secret_basic.`,
    )

  const name = cleanName(wish.client_name ?? '')
  if (name.length > MAX_NAME)
    return metadataError(`client_name is longer than ${MAX_NAME} characters.`)
  const uri = webAddress(wish.client_uri)
  const metadata: ClientMetadata = {
    client_name: name || redirectHost(redirects[0]!),
    redirect_uris: redirects,
    grant_types: grants,
    response_types: ['code'],
    application_type: applicationType(redirects),
    token_endpoint_auth_method: method,
    ...(uri === null ? {} : { client_uri: uri }),
  }
  const known = new Set((wish.scope ?? '').split(' '))
  return {
    ok: true,
    metadata,
    scopes: scopes.filter((scope) => known.has(scope)),
    fingerprint: method === 'none' ? jsonDigest(metadata) : null,
  }
}

/** What a person may see: no control, direction or invisible characters, no towers of accents, no runs of space. */
export const cleanName = (name: string): string =>
  name
    .toWellFormed()
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/[\p{Cf}\p{Co}\p{Cn}\u115f\u1160\u3164\uffa0]|[\ufe00-\ufe0f]/gu, '')
    .replace(/(\p{M}{3})\p{M}+/gu, '$1')
    .replace(/\s+/g, ' ')
    .trim()

/** One with a scheme of its own cannot be `web` for the library; a loopback address beside https can. */
function applicationType(redirects: readonly string[]): 'native' | 'web' {
  const native = redirects.every((uri) => isLoopback(uri) || isPrivateUse(uri))
  return native || redirects.some(isPrivateUse) ? 'native' : 'web'
}

function refusedSize(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return 'The body must be a JSON object.'
  if (Object.keys(body).length > MAX_MEMBERS)
    return `The body has more than ${MAX_MEMBERS} members.`
  return JSON.stringify(body).length > MAX_CHARACTERS
    ? `The body is longer than ${MAX_CHARACTERS} characters.`
    : null
}

function refusedRedirects(redirects: readonly string[]): string | null {
  if (redirects.length === 0) return 'redirect_uris is missing or empty.'
  if (redirects.length > MAX_REDIRECTS)
    return `redirect_uris has more than ${MAX_REDIRECTS} addresses.`
  for (const uri of redirects) {
    const why = checkRedirectUri(uri)
    if (why !== null) return `Redirect address "${shown(uri)}": ${why}`
  }
  return null
}

/** Members that say nothing are as good as absent: real clients send `logo_uri: null` and `contacts: []`. */
function withoutEmpty(body: Record<string, unknown>): Record<string, unknown> {
  const says = (value: unknown) =>
    value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
  return Object.fromEntries(Object.entries(body).filter(([, value]) => says(value)))
}

function webAddress(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 2048) return null
  const url = URL.parse(value)
  if (url === null || url.username !== '' || url.password !== '') return null
  return url.protocol === 'https:' ? url.href : null
}

/** Foreign text inside a message of ours: short, and printable ASCII without quotes. */
const shown = (text: string) =>
  masked(text)
    .slice(0, 120)
    .replace(/[^\x20-\x7e]|["\\]/g, '?') + (text.length > 120 ? '...' : '')

const redirectError = (description: string): Registration => ({
  ok: false,
  error: 'invalid_redirect_uri',
  description,
})

const metadataError = (description: string): Registration => ({
  ok: false,
  error: 'invalid_client_metadata',
  description,
})
