// Two thousand streams that say nothing: cheap, out of the way of a live call, and gone when their keys are revoked.
import { beforeAll, describe, expect, it } from 'vitest'
import { type Measured, measureIdleStreams } from '../fixtures/idle-streams.ts'
import { longestFor } from '../fixtures/pressure.ts'

const STREAMS = 2000

describe('two thousand idle streams of both eras', () => {
  let measured: Measured
  beforeAll(async () => {
    measured = await measureIdleStreams(STREAMS, 3000)
  }, 120_000)

  it('are all open, and each costs less than 40 KB', () => {
    expect(measured.open).toBe(STREAMS)
    expect(measured.bytesEach).toBeLessThan(40 * 1024)
  })

  it('do not slow down a live call', () => {
    expect(measured.among.statuses).toEqual(new Set([200]))
    expect(measured.among.p99).toBeLessThan(longestFor(measured.alone))
  })

  it('are kept alive one after the other, not all in one moment', () => {
    const most = Math.max(...measured.heartbeats)
    expect(measured.heartbeats.length).toBeGreaterThan(5)
    expect(most).toBeLessThan(STREAMS / 4)
  })

  it('have all ended within a second of the revoke, and what they held is used again', () => {
    expect(measured.closedMs).toBeLessThan(1000)
    expect(measured.leftFiles).toBeLessThan(20)
    // Fewer than the first ones cost; the allocator keeps a part. Ten thousand tell more: test/long/idle-streams.test.ts.
    expect(measured.againBytes).toBeLessThan(STREAMS * 24 * 1024)
  })
})
