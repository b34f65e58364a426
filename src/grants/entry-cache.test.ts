import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Entry } from './entry.ts'
import { type Cached, createEntryCache } from './entry-cache.ts'

const entry = (grant: string, user: string): Entry => ({
  kind: 'grant',
  refs: [`grant ${grant}`, `user ${user}`],
  revoked: null,
  expires: null,
  resourceUrl: null,
  principal: {
    id: grant,
    kind: 'grant',
    user: { id: user, login: user, name: user, role: 'member' },
    client: null,
    scopes: new Set(),
    resource: null,
    expiresAt: null,
    eventId: 'evt',
  },
  disabled: false,
})
const cached = (grant: string, user = 'usr'): Cached => ({ entry: entry(grant, user), used: false })

describe('forgetting', () => {
  test('a grant drops its tokens and nothing else', () => {
    const cache = createEntryCache(10)
    cache.put('a', cached('g1'))
    cache.put('b', cached('g1'))
    cache.put('c', cached('g2'))
    cache.forget([{ topic: 'grant', ref: 'g1' }])
    expect(['a', 'b', 'c'].map((hash) => cache.get(hash) !== undefined)).toEqual([
      false,
      false,
      true,
    ])
  })

  test('a user drops all of its grants', () => {
    const cache = createEntryCache(10)
    cache.put('a', cached('g1', 'ann'))
    cache.put('b', cached('g2', 'ann'))
    cache.put('c', cached('g3', 'bob'))
    cache.forget([{ topic: 'user', ref: 'ann' }])
    expect(cache.size).toBe(1)
    expect(cache.get('c')).toBeDefined()
  })

  test('a topic is part of the name: key and grant of the same id are two things', () => {
    const cache = createEntryCache(10)
    cache.put('a', cached('x'))
    cache.forget([
      { topic: 'key', ref: 'x' },
      { topic: 'server', ref: 'x' },
    ])
    expect(cache.get('a')).toBeDefined()
  })

  test('null drops everything', () => {
    const cache = createEntryCache(10)
    cache.put('a', cached('g1'))
    cache.put('b', cached('g2'))
    cache.forget(null)
    expect(cache.size).toBe(0)
    cache.put('a', cached('g1'))
    expect(cache.get('a')).toBeDefined()
  })

  test('costs what it drops, not what there is', () => {
    const cache = createEntryCache(50_000)
    for (let i = 0; i < 50_000; i++) cache.put(`h${i}`, cached(`g${i}`, `u${i}`))
    const start = process.hrtime.bigint()
    for (let i = 0; i < 5000; i++) cache.forget([{ topic: 'grant', ref: `g${i}` }])
    const each = Number(process.hrtime.bigint() - start) / 5000 / 1000
    expect(cache.size).toBe(45_000)
    // Looking at all 50,000 would take hundreds of microseconds.
    expect(each).toBeLessThan(50)
  })
})

describe('a full cache', () => {
  test('lets the oldest unused entry go', () => {
    const cache = createEntryCache(3)
    for (const name of ['a', 'b', 'c']) cache.put(name, cached(name))
    cache.get('a')!.used = true
    cache.put('d', cached('d'))
    expect(['a', 'b', 'c', 'd'].filter((name) => cache.get(name))).toEqual(['a', 'c', 'd'])
  })

  test('lets one go even when all are in use', () => {
    const cache = createEntryCache(3)
    for (const name of ['a', 'b', 'c']) {
      cache.put(name, cached(name))
      cache.get(name)!.used = true
    }
    cache.put('d', cached('d'))
    expect(cache.size).toBe(3)
    expect(cache.get('d')).toBeDefined()
  })
})

test('whatever happens, it stays within its bound and forgets completely', () => {
  const name = fc.constantFrom('1', '2', '3', '4', '5')
  const act = fc.oneof(
    fc.record({ act: fc.constant('put' as const), hash: name, grant: name, user: name }),
    fc.record({
      act: fc.constant('forget' as const),
      topic: fc.constantFrom('grant', 'user'),
      ref: name,
    }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (acts, most) => {
      const cache = createEntryCache<Cached>(most)
      for (const step of acts) {
        if (step.act === 'put') cache.put(step.hash, cached(step.grant, step.user))
        else {
          cache.forget([{ topic: step.topic as 'grant', ref: step.ref }])
          for (const hash of ['1', '2', '3', '4', '5'])
            expect(cache.get(hash)?.entry.refs ?? []).not.toContain(`${step.topic} ${step.ref}`)
        }
        expect(cache.size).toBeLessThanOrEqual(most)
      }
    }),
  )
})
