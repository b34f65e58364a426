// A clock that a test moves by hand.
import type { Clock } from './time.ts'

export interface ManualClock extends Clock {
  /** Moves time on and runs every timer that falls due, in order. */
  advance(ms: number): void
}

export function manualClock(start = Date.UTC(2026, 10, 21, 12)): ManualClock {
  let now = start
  let next = 0
  const timers = new Map<number, { at: number; task: () => void }>()
  return {
    now: () => now,
    monotonic: () => now - start,
    after: (ms, task) => {
      const key = next++
      timers.set(key, { at: now + ms, task })
      return { cancel: () => void timers.delete(key) }
    },
    advance: (ms) => {
      const end = now + ms
      for (;;) {
        const due = [...timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0]
        if (!due) break
        timers.delete(due[0])
        now = Math.max(now, due[1].at)
        due[1].task()
      }
      now = end
    },
  }
}
