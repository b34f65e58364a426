// Ten thousand streams that say nothing, with the limits that a gateway has by itself for one address.
import { beforeAll, describe, expect, it } from 'vitest'
import { type Measured, measureIdleStreams } from '../fixtures/idle-streams.ts'
import { longestFor } from '../fixtures/pressure.ts'

const STREAMS = 10_000
/** A little more than the time between two heartbeats of one stream. */
const BEATING_MS = 17_000

describe('ten thousand idle streams of both eras', () => {
  let measured: Measured
  beforeAll(async () => {
    measured = await measureIdleStreams(STREAMS, BEATING_MS)
    const { alone, among, heartbeats, ...rest } = measured
    const most = Math.max(...heartbeats)
    console.log(JSON.stringify({ ...rest, aloneMs: alone.p99, amongMs: among.p99, most }))
  }, 600_000)

  it('are all open, and each costs less than 40 KB', () => {
    expect(measured.open).toBe(STREAMS)
    expect(measured.bytesEach).toBeLessThan(40 * 1024)
  })

  it('do not slow down a live call', () => {
    expect(measured.among.statuses).toEqual(new Set([200]))
    expect(measured.among.p99).toBeLessThan(longestFor(measured.alone))
  })

  it('are all kept alive, one after the other', () => {
    const beats = measured.heartbeats.reduce((sum, n) => sum + n, 0)
    expect(beats).toBeGreaterThanOrEqual(STREAMS)
    expect(Math.max(...measured.heartbeats)).toBeLessThan(STREAMS / 10)
  })

  it('have all ended within a second of the revoke, and what they held is used again', () => {
    expect(measured.closedMs).toBeLessThan(1000)
    expect(measured.leftFiles).toBeLessThan(20)
    expect(measured.againBytes).toBeLessThan(STREAMS * 10 * 1024)
  })
})
