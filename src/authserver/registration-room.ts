// Whether one more registration fits: in rate, in number and in bytes (threats.md row 38). Counted in the transaction
// that adds the client, so that many at once cannot slip through together.
import { AppError } from '../kernel/app-error.ts'
import { networkOf } from '../kernel/network.ts'
import { hours, minutes } from '../kernel/time.ts'
import type { Unit } from '../logs/change.ts'
import { type AuthServerDeps, type Limits, limitsOf } from './deps.ts'
import { forgetUnusedIn } from './unused-clients.ts'

export interface Room {
  /** Refuses at once what was refused a moment ago: a flood must not cost a count each. @throws AppError rate_limited */
  check(ip: string | undefined): void
  /** What the transaction of a registration from this address calls first. @throws AppError rate_limited */
  taker(ip: string | undefined): (unit: Unit) => Promise<void>
}

/** How long a refusal is remembered. */
const MEMORY = minutes(1)
const MOST_REMEMBERED = 10_000
const EVERYBODY = 'everybody'
/** A sign-in that was begun is over by then. */
const UNUSED = hours(1)
const BATCH = 500

export function createRoom(deps: Pick<AuthServerDeps, 'core' | 'limits'>): Room {
  const { core } = deps
  const refused = new Map<string, { until: number; error: AppError }>()

  const refuse = (who: string, error: AppError): never => {
    if (refused.size >= MOST_REMEMBERED) refused.delete(refused.keys().next().value!)
    refused.set(who, { until: core.clock.now() + MEMORY, error })
    throw error
  }

  const check = (ip: string | undefined) => {
    for (const who of [EVERYBODY, networkOf(ip)]) {
      const known = refused.get(who)
      if (known === undefined) continue
      if (known.until > core.clock.now()) throw known.error
      refused.delete(who)
    }
  }

  return {
    check,
    taker: (ip) => async (unit) => {
      // Of those that waited for their turn the first may have been refused meanwhile.
      check(ip)
      const limits = limitsOf(deps)
      const network = networkOf(ip)
      const now = core.clock.now()
      const count = await counted(unit, network, now)
      if (count.ofNetwork >= limits.registrationsPerHour)
        refuse(
          network,
          tooMany(
            `This address has registered ${limits.registrationsPerHour} clients within an hour.`,
            'Use a client that is registered already, or try again in an hour.',
          ),
        )
      if (count.recent >= limits.registrationsPerHourInAll)
        refuse(
          EVERYBODY,
          tooMany(
            `${limits.registrationsPerHourInAll} clients were registered with this gateway within an hour.`,
            'Use a client that is registered already, or try again in an hour.',
          ),
        )
      if (isFull(count, limits) && (await forgetUnusedIn(unit, now - UNUSED, BATCH)) === 0)
        refuse(
          EVERYBODY,
          tooMany(
            `This gateway keeps at most ${limits.clients} registered clients, and ${limits.clientBytes} bytes about them.`,
            'Clients that nobody signed in with are forgotten. Try again in an hour.',
          ),
        )
    },
  }
}

interface Counted {
  all: number
  bytes: number
  recent: number
  ofNetwork: number
}

const isFull = ({ all, bytes }: Counted, limits: Limits) =>
  all >= limits.clients || bytes >= limits.clientBytes

async function counted({ db }: Unit, network: string, now: number): Promise<Counted> {
  const hourAgo = now - hours(1)
  const row = await db
    .selectFrom('clients')
    .where('kind', '=', 'dcr')
    .select((e) => [
      e.fn.countAll().as('all'),
      e.fn.sum(e.fn('length', ['metadata'])).as('bytes'),
      e.fn.countAll().filterWhere('created_at', '>', hourAgo).as('recent'),
      e.fn
        .countAll()
        .filterWhere('created_ip', '=', network)
        .filterWhere('created_at', '>', hourAgo)
        .as('ofNetwork'),
    ])
    .executeTakeFirstOrThrow()
  return {
    all: Number(row.all),
    bytes: Number(row.bytes ?? 0),
    recent: Number(row.recent),
    ofNetwork: Number(row.ofNetwork),
  }
}

const tooMany = (message: string, remedy: string) =>
  new AppError('rate_limited', message, { remedy, data: { retryAfter: 3600 } })
