// What anybody may cost the store without signing in (threats.md row 38): so many authorization requests of one network,
// so many pending ones kept, so many refusals written down. Who is signed in counts for himself.
import { createMissLimiter } from '../grants/miss-limiter.ts'
import { AppError } from '../kernel/app-error.ts'
import { networkOf } from '../kernel/network.ts'
import { minutes } from '../kernel/time.ts'
import { type AuthServerDeps, limitsOf } from './deps.ts'
import type { AuthEvent } from './events.ts'
import type { OidcUnit } from './unit-of-work.ts'

export interface Strangers {
  /** One more authorization request of this person, or of this network. @throws AppError rate_limited */
  admit(who: { userId?: string | undefined; ip: string | undefined }): void
  /** The events of a unit that are to be written; in place of the others the next one says how many they were. */
  recorded(unit: OidcUnit): AuthEvent[]
  /** After a commit: keeps the number of pending requests within bounds. Never throws. */
  committed(unit: OidcUnit): Promise<void>
}

/** What is stored of a request before anybody has signed in. */
const PENDING = ['Interaction', 'PushedAuthorizationRequest'] as const

const EVENT_RATES = {
  network: { perSecond: 1, burst: 60 },
  total: { perSecond: 5, burst: 600 },
}
const CHEAP: ReadonlySet<AuthEvent['code']> = new Set([
  'auth.authorization_requested',
  'auth.authorization_refused',
  'auth.request_refused',
  'auth.failed',
])

export function createStrangers(deps: Pick<AuthServerDeps, 'core' | 'limits'>): Strangers {
  const { core } = deps
  const { authorizationsPerMinute, pendingRequests } = limitsOf(deps)
  const requests = createMissLimiter(core.clock, {
    network: { perSecond: authorizationsPerMinute / 60, burst: authorizationsPerMinute },
    // One network must not use up what is there for all: beyond this it is the processor that limits.
    total: { perSecond: 1_000, burst: 10_000 },
  })
  const events = createMissLimiter(core.clock, EVENT_RATES)
  let unrecorded = 0
  let sinceTrim = 0
  const trimEvery = Math.max(1, Math.floor(pendingRequests / 20))

  return {
    admit({ userId, ip }) {
      const wait = requests.take(userId ?? ip)
      if (wait === 0) return
      const seconds = Math.ceil(wait / 1000)
      throw new AppError(
        'rate_limited',
        userId === undefined
          ? `Too many sign-ins were begun from the network ${networkOf(ip)}.`
          : 'Too many sign-ins were begun from this account.',
        {
          remedy: `Try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.${isOwnMachine(ip) ? ' Behind a proxy everybody counts as one until it is named in trusted-proxies.' : ''}`,
          data: { retryAfter: seconds },
        },
      )
    },

    recorded(unit) {
      const { signedIn, origin } = unit.facts
      return unit.events.flatMap((event) => {
        if (signedIn !== null || event.grantId !== undefined || !CHEAP.has(event.code)) return event
        if (events.take(origin.ip) > 0) {
          unrecorded++
          return []
        }
        if (unrecorded === 0) return event
        const counted = { ...event, detail: { ...event.detail, unrecordedBefore: unrecorded } }
        unrecorded = 0
        return counted
      })
    },

    async committed(unit) {
      const stored = [...unit.overlay].some(
        ([key, value]) => value !== null && PENDING.some((model) => key.startsWith(`${model}:`)),
      )
      if (!stored || ++sinceTrim < trimEvery) return
      sinceTrim = 0
      try {
        for (const model of PENDING) await trim(deps, model, pendingRequests)
      } catch (error) {
        // The request itself is stored; the next one tries again.
        core.log.error({ err: error }, 'pending authorization requests were not trimmed')
      }
    },
  }
}

/** The oldest that nobody has signed in for give way; who is signed in already loses nothing. */
async function trim(
  { core }: Pick<AuthServerDeps, 'core'>,
  model: (typeof PENDING)[number],
  most: number,
): Promise<void> {
  await core.store.transaction(async ({ db }) => {
    await db
      .deleteFrom('oidc_records')
      .where('model', '=', model)
      .where('expires_at', '<', core.clock.now() - minutes(1))
      .execute()
    const kept = db
      .selectFrom('oidc_records')
      .select('id_hash')
      .where('model', '=', model)
      .where('account_id', 'is', null)
      .orderBy('created_at', 'desc')
      .orderBy('id_hash')
      .limit(most)
    await db
      .deleteFrom('oidc_records')
      .where('model', '=', model)
      .where('account_id', 'is', null)
      .where('id_hash', 'not in', kept)
      .execute()
  })
}

const isOwnMachine = (ip: string | undefined) =>
  ip !== undefined && /^(127\.|::1$|::ffff:127\.)/.test(ip)
