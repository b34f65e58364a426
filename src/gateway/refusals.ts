// Refusals of strangers in the auth stream: one row each up to a rate, counted beyond it. Knocking fills no disk, and leaves
// no gap that the log does not name.
import { createMissLimiter } from '../grants/miss-limiter.ts'
import type { AppError } from '../kernel/app-error.ts'
import { minutes } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import type { Origin } from '../logs/event.ts'
import type { Journal } from '../logs/journal.ts'

export interface Refusals {
  note(origin: Origin, error: AppError): void
  /** Writes down what was only counted so far. */
  close(): void
}

const RATES = {
  network: { perSecond: 1, burst: 60 },
  total: { perSecond: 20, burst: 600 },
}
const WINDOW_MS = minutes(1)
/** Addresses named in one row of counts. */
const MOST_NAMED = 10

export function createRefusals(core: Core, journal: Pick<Journal, 'record'>): Refusals {
  const limiter = createMissLimiter(core.clock, RATES)
  let since = 0
  let reasons = new Map<string, number>()
  let addresses = new Set<string>()
  let timer: { cancel(): void } | null = null

  function writeCounts(): void {
    timer?.cancel()
    timer = null
    if (reasons.size === 0) return
    const count = [...reasons.values()].reduce((sum, n) => sum + n, 0)
    journal.record('auth', {
      id: core.newId('evt'),
      at: core.clock.now(),
      code: 'token.refused_more',
      severity: 'warn',
      outcome: 'refused',
      reason: `${count} more requests were refused`,
      detail: JSON.stringify({
        count,
        since,
        reasons: Object.fromEntries(reasons),
        addresses: [...addresses],
      }),
    })
    reasons = new Map()
    addresses = new Set()
  }

  function count({ ip }: Origin, { code }: AppError): void {
    if (timer === null) {
      since = core.clock.now()
      timer = core.clock.after(WINDOW_MS, writeCounts)
    }
    reasons.set(code, (reasons.get(code) ?? 0) + 1)
    if (ip !== undefined && addresses.size < MOST_NAMED) addresses.add(ip)
  }

  return {
    note(origin, error) {
      if (limiter.take(origin.ip) > 0) return count(origin, error)
      journal.record('auth', {
        id: core.newId('evt'),
        at: core.clock.now(),
        code: 'token.refused',
        severity: 'warn',
        outcome: 'refused',
        reason: `${error.code}: ${error.message}`,
        context_id: origin.contextId,
        connection_id: origin.connectionId ?? null,
        ip: origin.ip ?? null,
        user_agent: origin.userAgent ?? null,
      })
    },
    close: writeCounts,
  }
}
