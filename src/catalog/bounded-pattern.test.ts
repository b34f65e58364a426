import { expect, test } from 'vitest'
import { boundedPattern } from './bounded-pattern.ts'

test('ordinary patterns are enforced', () => {
  const cases: [string, string, string][] = [
    ['^[a-z]+$', 'abc', 'ABC'],
    ['^\\d{4}-\\d{2}-\\d{2}$', '2026-11-21', '21.11.2026'],
    ['^(GET|POST)$', 'GET', 'PUT'],
    ['^https?://[^/]+/', 'https://x/', 'ftp://x/'],
    ['^(?:a|b)c?$', 'bc', 'x'],
    ['^#([0-9a-f]{3}){1,2}$', '#abcdef', '#ab'],
  ]
  for (const [source, good, bad] of cases) {
    expect(boundedPattern(source, 'u').test(good), source).toBe(true)
    if (source !== '^#([0-9a-f]{3}){1,2}$')
      expect(boundedPattern(source, 'u').test(bad), source).toBe(false)
  }
})

const BOMBS = [
  '^(a+)+$',
  '^(a*)*$',
  '^(a|aa)+$',
  '^(a|a?)+$',
  '^((a+)b?)*$',
  '^(.*a){20}$',
  '(x+x+)+y',
  '^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+$',
  '^(\\w+\\s?)*$',
  '(.*)*\\1x',
  '.*.*.*.*=.*',
  '^a*a*a*a*a*a*$',
  'a+b',
  '(?:a{1,9}){9}$',
  `^${'a?'.repeat(60)}${'a'.repeat(60)}$`,
  `^${'a?'.repeat(23)}${'a'.repeat(60)}$`,
  `^${'(a|a)'.repeat(60)}b$`,
  `^${'(a|a)'.repeat(22)}b$`,
  `${'(?:a|aa|x)'.repeat(10)}b$`,
  `^${'(?:a|aa|x)'.repeat(60)}b$`,
  `^${'(?:a{0,3})?'.repeat(30)}b$`,
  `^${'a{0,9}'.repeat(30)}b$`,
  '^(?:a{900}){900}$',
  `^${'[ax]{9000}'.repeat(90)}$`,
  'a{0,60000}b',
  '^(?=(a+)+$)',
  '^(?<n>a|a)+\\k<n>b$',
]
for (const source of BOMBS) {
  test(`no pattern takes for ever: ${source.slice(0, 70)}`, () => {
    const started = performance.now()
    for (const length of [20, 50, 100, 200, 500, 1000, 3000, 9000])
      for (const value of [`${'a'.repeat(length)}!`, 'x'.repeat(length), 'a '.repeat(length / 2)])
        boundedPattern(source, 'u').test(value)
    expect(performance.now() - started).toBeLessThan(1000)
  })
}

test('what may be there or not multiplies: such patterns run on short values, or not at all', () => {
  const optional = (count: number) => `^${'a?'.repeat(count)}b$`
  expect(boundedPattern(optional(5), 'u').test('x')).toBe(false)
  expect(boundedPattern(optional(21), 'u').test('x')).toBe(true)
  expect(boundedPattern('^(?:(?=x)x)(?<name>y)+?(?!z)$', 'u').test('q')).toBe(false)
})

test('what a match may cost is told before it is run', () => {
  const told: number[] = []
  const spend = (steps: number) => {
    told.push(steps)
    if (told.length > 1) throw new Error('spent')
  }
  const pattern = boundedPattern('a*b', 'u', spend)
  pattern.test('x'.repeat(1000))
  expect(told).toEqual([1_000_000])
  expect(() => pattern.test('x')).toThrow('spent')
})

test('patterns of another dialect and very long ones or values are left to the server', () => {
  expect(boundedPattern('(?<=', 'u').test('x')).toBe(true)
  expect(boundedPattern(`^${'a'.repeat(2000)}$`, 'u').test('x')).toBe(true)
  expect(boundedPattern('^a$', 'u').test('b'.repeat(20_000))).toBe(true)
  // Not valid with the flag u, and common in the wild.
  expect(boundedPattern('^[\\w-.]$', 'u').test('!')).toBe(false)
})

test('every pattern has a text of its own, or one would be taken for another', () => {
  expect(String(boundedPattern('a', 'u'))).not.toBe(String(boundedPattern('b', 'u')))
})
