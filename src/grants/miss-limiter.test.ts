import fc from 'fast-check'
import { expect, test } from 'vitest'
import { manualClock } from '../kernel/manual-clock.ts'
import { createMissLimiter } from './miss-limiter.ts'

const plenty = { perSecond: 1e6, burst: 1e6 }

test('grants a burst, then a steady rate', () => {
  const clock = manualClock()
  const limiter = createMissLimiter(clock, { network: { perSecond: 10, burst: 3 }, total: plenty })
  expect([1, 2, 3].map(() => limiter.take('203.0.113.7'))).toEqual([0, 0, 0])
  expect(limiter.take('203.0.113.7')).toBe(100)
  clock.advance(99)
  expect(limiter.take('203.0.113.7')).toBe(1)
  clock.advance(1)
  expect(limiter.take('203.0.113.7')).toBe(0)
})

test('counts an IPv6 /64 as one network and leaves the others alone', () => {
  const limiter = createMissLimiter(manualClock(), {
    network: { perSecond: 1, burst: 1 },
    total: plenty,
  })
  expect(limiter.take('2001:db8::1')).toBe(0)
  expect(limiter.take('2001:db8::2')).toBeGreaterThan(0)
  expect(limiter.take('2001:db8:0:1::1')).toBe(0)
})

test('holds for all networks together', () => {
  const limiter = createMissLimiter(manualClock(), {
    network: plenty,
    total: { perSecond: 1, burst: 2 },
  })
  expect(limiter.take('203.0.113.1')).toBe(0)
  expect(limiter.take('203.0.113.2')).toBe(0)
  expect(limiter.take('203.0.113.3')).toBe(1000)
})

test('a read that found something is given back, never more than was taken', () => {
  const limiter = createMissLimiter(manualClock(), {
    network: { perSecond: 1, burst: 2 },
    total: { perSecond: 1, burst: 2 },
  })
  for (let i = 0; i < 100; i++) {
    expect(limiter.take('203.0.113.7')).toBe(0)
    limiter.giveBack('203.0.113.7')
  }
  for (let i = 0; i < 5; i++) limiter.giveBack('203.0.113.7')
  expect([1, 2, 3].map(() => limiter.take('203.0.113.7') === 0)).toEqual([true, true, false])
})

test('remembers a bounded number of networks, and all of them together stay bounded', () => {
  const limiter = createMissLimiter(manualClock(), {
    network: { perSecond: 1, burst: 1 },
    total: { perSecond: 1, burst: 20_000 },
  })
  let granted = 0
  for (let i = 0; i < 30_000; i++)
    if (limiter.take(`2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`) === 0)
      granted++
  expect(granted).toBe(20_000)
})

test('whatever the order of events, no more passes than burst and rate allow', () => {
  const step = fc.record({
    wait: fc.nat(300),
    ip: fc.constantFrom('203.0.113.7', '203.0.113.8', '2001:db8::1', '2001:db8::2'),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      (steps, burst) => {
        const clock = manualClock()
        const network = { perSecond: 20, burst }
        const total = { perSecond: 30, burst: burst * 2 }
        const limiter = createMissLimiter(clock, { network, total })
        const granted = { '203.0.113.7': 0, '203.0.113.8': 0, '2001:db8': 0 }
        const begin = clock.now()
        for (const { wait, ip } of steps) {
          clock.advance(wait)
          const answer = limiter.take(ip)
          expect(answer).toBeGreaterThanOrEqual(0)
          if (answer === 0) granted[ip.startsWith('2001') ? '2001:db8' : (ip as '203.0.113.7')]++
        }
        const passed = (clock.now() - begin) / 1000
        const slack = 1e-3
        for (const count of Object.values(granted))
          expect(count).toBeLessThanOrEqual(burst + passed * network.perSecond + slack)
        const all = Object.values(granted).reduce((a, b) => a + b)
        expect(all).toBeLessThanOrEqual(total.burst + passed * total.perSecond + slack)
      },
    ),
  )
})

test('who waits as long as told gets through', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 1, max: 5 }),
      (perSecond, burst) => {
        const clock = manualClock()
        const limiter = createMissLimiter(clock, { network: { perSecond, burst }, total: plenty })
        for (let i = 0; i < 30; i++) {
          const wait = limiter.take('203.0.113.7')
          if (wait === 0) continue
          clock.advance(wait)
          expect(limiter.take('203.0.113.7')).toBe(0)
        }
      },
    ),
  )
})
