// Time as an argument: nothing else in src/ reads the clock, so tests never sleep.

export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  now(): number
  /** Monotonic, milliseconds with fraction; for durations and deadlines. */
  monotonic(): number
  /** Runs `task` once after `ms`; the handle cancels it. Never keeps the process alive. */
  after(ms: number, task: () => void): { cancel(): void }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, task) => {
    const timer = setTimeout(task, ms)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

export const seconds = (n: number) => n * 1000
export const minutes = (n: number) => n * 60_000
export const hours = (n: number) => n * 3_600_000
export const days = (n: number) => n * 86_400_000
