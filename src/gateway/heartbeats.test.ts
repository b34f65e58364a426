import { describe, expect, it } from 'vitest'
import { manualClock } from '../kernel/manual-clock.ts'
import { createHeartbeats } from './heartbeats.ts'

describe('the heartbeats of streams', () => {
  it('come once in every interval for each stream, and never for many in the same tick', () => {
    const clock = manualClock()
    const heartbeats = createHeartbeats(clock)
    const beats = Array.from({ length: 600 }, () => [] as number[])
    for (const own of beats) heartbeats.add(() => own.push(clock.monotonic()))
    clock.advance(60_000)
    for (const own of beats) {
      expect(own).toHaveLength(4)
      for (let i = 1; i < own.length; i++) expect(own[i]! - own[i - 1]!).toBe(15_000)
    }
    const together = Map.groupBy(
      beats.map(([first]) => first!),
      (first) => first,
    )
    expect(together.size).toBe(60)
    for (const same of together.values()) expect(same).toHaveLength(10)
  })

  it('stop for a stream that is taken off, and start again after all were', () => {
    const clock = manualClock()
    const heartbeats = createHeartbeats(clock)
    const [seen, later] = [[] as number[], [] as number[]]
    const off = heartbeats.add(() => seen.push(1))
    clock.advance(15_000)
    off()
    off()
    clock.advance(60_000)
    expect(seen).toHaveLength(1)
    heartbeats.add(() => later.push(1))
    clock.advance(30_000)
    expect(later).toHaveLength(2)
  })
})
