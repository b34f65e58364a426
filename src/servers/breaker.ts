// Stops trying a server that keeps failing, for a growing time; then lets one caller try (circuit breaker).
import { AppError, isAppError, messageOf } from '../kernel/app-error.ts'
import type { Clock } from '../kernel/time.ts'

export interface Breaker {
  /** @throws AppError server_unreachable while the server is left alone, naming cause and time */
  check(): void
  /** `served`: it did more than list what it has, which a program that dies of every call does as well. */
  success(served?: boolean): void
  failure(error: unknown): void
  /** A program that had started is gone; `livedMs` later. */
  crashed(error: unknown, livedMs: number): void
  readonly state: {
    failures: number
    /** Wall clock; null when calls go through. */
    retryAt: number | null
    lastError: { message: string; at: number } | null
  }
}

export const FAILURES_ALLOWED = 5
const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 60_000
/** A program that ran for so long may simply have finished. */
const GOOD_LIFE = 60_000

export function createBreaker(clock: Clock, name: string): Breaker {
  let failures = 0
  let trips = 0
  let crashes = 0
  let retryAt: number | null = null
  let trialEnds: number | null = null
  let lastError: { message: string; at: number } | null = null

  const refusal = (rest: string) =>
    new AppError(
      'server_unreachable',
      `${name} failed ${failures} times in a row and is left alone ${rest}. Last error: ${lastError?.message ?? 'unknown'}`,
      { remedy: 'Fix the cause; the gateway tries again by itself.' },
    )

  return {
    check: () => {
      if (retryAt === null) return
      const left = retryAt - clock.monotonic()
      if (left > 0) throw refusal(`for another ${Math.ceil(left / 1000)} s`)
      if (trialEnds !== null && clock.monotonic() < trialEnds)
        throw refusal('until the attempt of another caller ends')
      // One caller tries; should nobody hear of its end, the next one may try after the longest pause.
      trialEnds = clock.monotonic() + LONGEST_PAUSE
    },
    success: (served = true) => {
      failures = 0
      trips = 0
      if (served) crashes = 0
      retryAt = null
      trialEnds = null
    },
    failure: (error) => {
      lastError = { message: messageOf(error), at: clock.now() }
      // Calls that were under way when it was left alone are no new attempts.
      if (retryAt !== null && retryAt > clock.monotonic()) return
      failures++
      trialEnds = null
      if (failures < FAILURES_ALLOWED) return
      retryAt = clock.monotonic() + Math.min(FIRST_PAUSE * 2 ** trips, LONGEST_PAUSE)
      trips++
    },
    crashed: (error, livedMs) => {
      crashes = livedMs < GOOD_LIFE ? crashes + 1 : 1
      // A call that it failed has said more already.
      if (failures === 0) lastError = { message: messageOf(error), at: clock.now() }
      if (crashes < FAILURES_ALLOWED) return
      const pause = Math.min(FIRST_PAUSE * 2 ** (crashes - FAILURES_ALLOWED), LONGEST_PAUSE)
      retryAt = Math.max(retryAt ?? 0, clock.monotonic() + pause)
      trialEnds = null
      failures = Math.max(failures, crashes)
    },
    get state() {
      const wait = retryAt === null ? null : Math.max(0, retryAt - clock.monotonic())
      return { failures, retryAt: wait === null ? null : clock.now() + wait, lastError }
    },
  }
}

/** Errors that say something of the server's health; a refused argument or a slow tool does not. */
const UNHEALTHY = [
  'server_start',
  'server_unreachable',
  'server_closed',
  'server_garbage',
  'server_refused',
] as const

export const isUnhealthy = (error: unknown): boolean =>
  UNHEALTHY.some((code) => isAppError(error, code))
