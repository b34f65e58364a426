// Who is calling? Answers from memory without waiting; a credential that is not in memory costs one read.
// No JWT, no key derivation, no store on the hot path. A copy lives until a change names its grant, key, user or client.
import { AppError, messageOf } from '../kernel/app-error.ts'
import { tokenHash } from '../kernel/digest.ts'
import type { Core } from '../logs/core.ts'
import type { Change } from '../store/store.ts'
import { type Entry, readEntry } from './entry.ts'
import { type Cached, createEntryCache } from './entry-cache.ts'
import { createMissLimiter, type Rate } from './miss-limiter.ts'
import { type Credentials, kindOf, presented } from './presented.ts'
import type { Principal } from './principal.ts'
import { endpointPath } from './scope-of-use.ts'

export interface Authenticator {
  /**
   * `path` is that of the endpoint, with or without the slash at its end.
   * @throws AppError token_* | user_disabled | bad_request | rate_limited | storage_unavailable; `data.reason` is machine-readable
   */
  authenticate(credentials: Credentials, path: string): Principal | Promise<Principal>
  /** Called with every change of the store before its verb returns; null forgets everything. */
  forget(changes: readonly Change[] | null): void
}

export interface AuthenticatorOptions {
  /** Path of one of our endpoint URLs; null when the URL is not under the current public URL. */
  endpointOf: (url: string) => string | null
  entries?: number
  /** Reads for credentials that turn out to be unknown. */
  misses?: { network: Rate; total: Rate }
}

const ENTRIES = 50_000
const MISSES = {
  network: { perSecond: 50, burst: 200 },
  total: { perSecond: 1000, burst: 2000 },
}
const TOPICS: ReadonlySet<string> = new Set(['grant', 'key', 'user', 'client'])

/** No path, so that no endpoint can have it as its own. */
const EVERY = '*'

/** An entry with the endpoint it is good for under the public URL in force. */
interface Known extends Cached {
  principal: Principal
  /** An endpoint path, or EVERY one; null: issued under another public URL. */
  resource: string | null
  epoch: number
}

export function createAuthenticator(core: Core, options: AuthenticatorOptions): Authenticator {
  const cache = createEntryCache<Known>(options.entries ?? ENTRIES)
  const limiter = createMissLimiter(core.clock, options.misses ?? MISSES)
  let reading = new Map<string, Promise<Known | null>>()
  let generation = 0
  let epoch = 0

  const known = (entry: Entry): Known => place({ entry, used: true } as Known)

  /** The public URL can change while we run: then tokens of the old one stop being ours. */
  function place(known: Known): Known {
    const { entry } = known
    const path = entry.resourceUrl === null ? null : options.endpointOf(entry.resourceUrl)
    if (entry.resourceUrl === null) known.resource = entry.principal.resource ?? EVERY
    else known.resource = path === null ? null : endpointPath(path)
    known.principal =
      entry.resourceUrl === null
        ? entry.principal
        : { ...entry.principal, resource: known.resource }
    known.epoch = epoch
    return known
  }

  function admit(known: Known, path: string): Principal {
    const { entry } = known
    if (known.epoch !== epoch) place(known)
    known.used = true
    if (entry.revoked) throw revoked(entry, entry.revoked)
    if (entry.expires && core.clock.now() >= entry.expires.at) throw expired(entry.expires)
    if (known.resource !== EVERY && known.resource !== endpointPath(path))
      throw wrongResource(entry, known.resource, path)
    if (entry.disabled) throw disabled()
    return known.principal
  }

  async function look(token: string, hash: string, ip: string | undefined, path: string) {
    const found = await (reading.get(hash) ?? read(token, hash, ip))
    if (!found) throw unknown()
    return admit(found, path)
  }

  /** One read for all requests that wait for the same credential. */
  function read(token: string, hash: string, ip: string | undefined): Promise<Known | null> {
    const kind = kindOf(token)
    const wait = limiter.take(ip)
    if (wait > 0) throw tooMany(wait)
    const started = generation
    const mine = reading
    const task = readEntry(core, kind, hash)
      .catch((error: unknown) => {
        throw unavailable(error)
      })
      .then((entry) => {
        if (!entry) return null
        limiter.giveBack(ip)
        const found = known(entry)
        // A change came while we read: what we hold may be from before it, so nobody else may get it.
        if (started === generation) cache.put(hash, found)
        return found
      })
      .finally(() => mine.delete(hash))
    mine.set(hash, task)
    return task
  }

  return {
    authenticate(credentials, path) {
      const token = presented(credentials)
      const hash = tokenHash(token)
      const known = cache.get(hash)
      return known ? admit(known, path) : look(token, hash, credentials.ip, path)
    },
    forget(changes) {
      if (changes === null || changes.some(({ topic }) => topic === 'setting')) epoch++
      if (changes !== null && !changes.some(({ topic }) => TOPICS.has(topic))) return
      generation++
      reading = new Map()
      cache.forget(changes)
    },
  }
}

const iso = (at: number) => new Date(at).toISOString()

const unknown = () =>
  new AppError(
    'token_unknown',
    'This credential was not issued by this gateway, or its record is gone.',
    {
      remedy: 'Sign in again, or make a new API key with `mooring keys create`.',
      data: { reason: 'unknown' },
    },
  )

function revoked(
  { kind, principal }: Entry,
  { at, reason }: { at: number; reason: string | null },
) {
  const what = kind === 'key' ? 'API key' : 'connection'
  return new AppError(
    'token_revoked',
    `The ${what} was revoked at ${iso(at)}${reason ? ` (${reason})` : ''}.`,
    {
      remedy: kind === 'key' ? 'Make a new key with `mooring keys create`.' : 'Connect again.',
      data: { reason: 'revoked', revokedAt: iso(at), id: principal.id },
    },
  )
}

const expired = ({ at, what }: { at: number; what: string }) =>
  new AppError('token_expired', `The ${what} expired at ${iso(at)}.`, {
    remedy: {
      'access token':
        'The client can get a new one with its refresh token; otherwise connect again.',
      connection: 'Connect again.',
      'API key': 'Make a new key with `mooring keys create`.',
    }[what]!,
    data: { reason: 'expired', expiredAt: iso(at) },
  })

function wrongResource(entry: Entry, resource: string | null, path: string): AppError {
  const asked = endpointPath(path)
  const good = entry.resourceUrl ?? resource
  const moved = entry.resourceUrl !== null && resource === null
  const message = moved
    ? `The token was issued for ${good}, which is not under the public URL of this gateway any more.`
    : `The ${entry.kind === 'key' ? 'API key' : 'token'} is good for ${good} only, not for ${asked}.`
  return new AppError('token_wrong_resource', message, {
    remedy: moved ? 'Connect again.' : `Use ${good}, or get a credential for ${asked}.`,
    data: { reason: 'wrong_resource', goodFor: good, asked },
  })
}

const disabled = () =>
  new AppError('user_disabled', 'The account behind this credential is disabled.', {
    remedy: 'Ask an admin of the gateway to enable it.',
    data: { reason: 'user_disabled' },
  })

const tooMany = (wait: number) =>
  new AppError('rate_limited', 'Too many unknown credentials came from this network.', {
    remedy: `Try again in ${Math.ceil(wait / 1000)} seconds.`,
    data: { reason: 'rate_limited', retryAfter: Math.ceil(wait / 1000) },
  })

const unavailable = (error: unknown) =>
  new AppError('storage_unavailable', `The credential cannot be checked: ${messageOf(error)}`, {
    remedy: 'Nothing was done. Try again.',
    cause: error,
  })
