import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { didYouMean, editDistance, nearest } from './nearest.ts'

describe('the edit distance', () => {
  it.each([
    ['', '', 0],
    ['port', 'port', 0],
    ['prot', 'port', 1],
    ['por', 'port', 1],
    ['porte', 'port', 1],
    ['part', 'port', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
  ])('from "%s" to "%s" is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
  })

  it('is symmetric, zero only for equal words, and never more than the longer word', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b)
        expect(distance).toBe(editDistance(b, a))
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})

describe('the nearest known name', () => {
  const known = ['host', 'port', 'public-url', 'auth.access-token-ttl', 'auth.registration']

  it('is found across a typing mistake', () => {
    expect(nearest('prot', known)).toBe('port')
    expect(nearest('auth.acces-token-ttl', known)).toBe('auth.access-token-ttl')
  })

  it('goes on from what was typed when two are as near', () => {
    expect(nearest('server', ['serve', 'servers'])).toBe('servers')
  })

  it('is found in another spelling style', () => {
    expect(nearest('publicUrl', known)).toBe('public-url')
    expect(nearest('PUBLIC_URL', known)).toBe('public-url')
  })

  it('is found when the group was forgotten', () => {
    expect(nearest('access_token_ttl', known)).toBe('auth.access-token-ttl')
  })

  it('is not invented when nothing is close', () => {
    expect(nearest('completely-different', known)).toBeNull()
    expect(nearest('x', [])).toBeNull()
    expect(didYouMean('completely-different', known)).toBe('')
  })

  it('reads as the end of a sentence', () => {
    expect(didYouMean('hots', known)).toBe(' Did you mean host?')
  })
})
