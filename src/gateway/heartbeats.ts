// Keep-alive comments of every open stream, on one timer. Streams are spread over the interval, so that thousands opened
// together (after a restart, say) do not all speak in the same tick.
import type { Clock } from '../kernel/time.ts'

export interface Heartbeats {
  /** Calls `beat` once in every interval; the function takes it off again. */
  add(beat: () => void): () => void
}

const EVERY_MS = 15_000
const SLOTS = 60

export function createHeartbeats(clock: Clock): Heartbeats {
  const slots = Array.from({ length: SLOTS }, () => new Set<() => void>())
  let at = 0
  let next = 0
  let size = 0
  let ticking = false

  function tick() {
    ticking = size > 0
    if (!ticking) return
    clock.after(EVERY_MS / SLOTS, tick)
    at = (at + 1) % SLOTS
    for (const beat of slots[at]!) beat()
  }

  return {
    add(beat) {
      // Taken in turn, and far from each other: 60 and 23 have no common divisor.
      next = (next + 23) % SLOTS
      const slot = slots[next]!
      slot.add(beat)
      size++
      if (!ticking) {
        ticking = true
        clock.after(EVERY_MS / SLOTS, tick)
      }
      return () => {
        if (slot.delete(beat)) size--
      }
    },
  }
}
