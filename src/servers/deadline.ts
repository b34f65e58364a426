// One signal for "the caller gave up" and "time is up".
import type { Clock } from '../kernel/time.ts'

export interface Deadline {
  readonly signal: AbortSignal
  /** Must be called when the work ended, in any way. */
  clear(): void
}

export function deadlineOf(
  clock: Clock,
  ms: number,
  outer: AbortSignal | undefined,
  late: () => Error,
): Deadline {
  const controller = new AbortController()
  const give = () => controller.abort(outer?.reason)
  if (outer?.aborted) give()
  outer?.addEventListener('abort', give, { once: true })
  const timer = clock.after(ms, () => controller.abort(late()))
  return {
    signal: controller.signal,
    clear: () => {
      timer.cancel()
      outer?.removeEventListener('abort', give)
    },
  }
}

/** Waits on the clock; ends early, with the signal's reason, when aborted. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const stop = () => {
      timer.cancel()
      reject(signal.reason)
    }
    const timer = clock.after(ms, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}
