/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are what this is about */
import { hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemRandom } from '../kernel/ids.ts'
import { placeholderIn } from './placeholder.ts'
import {
  looksLikeToken,
  newAccessToken,
  newApiKey,
  newRefreshToken,
  readToken,
} from './token-format.ts'

/** Randomness that fast-check can repeat. */
const seeded = (seed: number) => () => Buffer.from(hash('sha256', String(seed), 'hex'), 'hex')
const makers = { key: newApiKey, access: newAccessToken, refresh: newRefreshToken } as const
const anyToken = fc
  .tuple(fc.constantFrom(newApiKey, newAccessToken, newRefreshToken), fc.integer())
  .map(([make, seed]) => make(seeded(seed)))
const character = fc.constantFrom(
  ...Array.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-'),
)

const problemOf = (text: string) => {
  const read = readToken(text)
  return 'problem' in read ? read.problem : null
}

describe('a new token', () => {
  test.each([
    ['key', 'mk_'],
    ['access', 'mt_'],
    ['refresh', 'mr_'],
  ] as const)('of kind %s begins with %s and is recognised', (kind, prefix) => {
    const token = makers[kind](systemRandom)
    expect(token).toMatch(new RegExp(`^${prefix}[0-9A-Za-z]{49}$`))
    expect(readToken(token)).toEqual({ kind })
    expect(looksLikeToken(token)).toBe(true)
  })

  test('asks for 32 random bytes and uses every one of them', () => {
    const zero = newApiKey(() => Buffer.alloc(32))
    for (let i = 0; i < 32; i++) {
      const bytes = Buffer.alloc(32)
      bytes[i] = 1
      const asked: number[] = []
      const random = (n: number) => {
        asked.push(n)
        return bytes
      }
      expect(newApiKey(random)).not.toBe(zero)
      expect(asked).toEqual([32])
    }
  })

  test('has one length, also at the ends of the range', () => {
    expect(newApiKey(() => Buffer.alloc(32))).toHaveLength(52)
    const last = newApiKey(() => Buffer.alloc(32, 0xff))
    expect(last).toHaveLength(52)
    expect(readToken(last)).toEqual({ kind: 'key' })
  })

  test('never repeats', () => {
    expect(new Set(Array.from({ length: 1000 }, () => newApiKey(systemRandom))).size).toBe(1000)
  })
})

describe('a typing mistake is noticed without a look-up:', () => {
  test('one wrong character', () => {
    fc.assert(
      fc.property(anyToken, fc.nat(51), character, (token, at, typed) => {
        fc.pre(token[at] !== typed)
        expect(looksLikeToken(token.slice(0, at) + typed + token.slice(at + 1))).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  test('one character missing', () => {
    fc.assert(
      fc.property(anyToken, fc.nat(51), (token, at) => {
        expect(looksLikeToken(token.slice(0, at) + token.slice(at + 1))).toBe(false)
      }),
    )
  })

  test('one character too many', () => {
    fc.assert(
      fc.property(anyToken, fc.nat(52), character, (token, at, typed) => {
        expect(looksLikeToken(token.slice(0, at) + typed + token.slice(at))).toBe(false)
      }),
    )
  })

  test('two neighbours swapped', () => {
    fc.assert(
      fc.property(anyToken, fc.nat(50), (token, at) => {
        const swapped = token.slice(0, at) + token[at + 1] + token[at] + token.slice(at + 2)
        fc.pre(swapped !== token)
        expect(looksLikeToken(swapped)).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  test('another prefix: a key is not turned into an access token', () => {
    fc.assert(
      fc.property(anyToken, fc.constantFrom('mk_', 'mt_', 'mr_', 'mx_'), (token, prefix) => {
        fc.pre(!token.startsWith(prefix))
        expect(looksLikeToken(prefix + token.slice(3))).toBe(false)
      }),
    )
  })

  test('any text that was not made here', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        expect(looksLikeToken(text)).toBe(false)
      }),
    )
  })

  test('and is told apart from other mistakes', () => {
    const key = newApiKey(systemRandom)
    const typo = key.slice(0, 20) + (key[20] === 'a' ? 'b' : 'a') + key.slice(21)
    expect(problemOf(typo)).toMatch(/checksum/)
    expect(problemOf(key.slice(0, 40))).toMatch(/40 characters instead of 52/)
    expect(problemOf(`${key.slice(0, 51)}!`)).toMatch(/do not belong/)
    expect(problemOf(`"${key}"`)).toMatch(/quotation/)
    expect(problemOf(`Bearer ${key}`)).toMatch(/Bearer/)
    expect(problemOf(`${key}, Bearer ${key}`)).toMatch(/followed/)
    expect(problemOf(`${key} x`)).toMatch(/followed/)
    expect(problemOf('eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.')).toMatch(/JWT/)
    expect(problemOf('sk-something-else-entirely')).toMatch(/form/)
    expect(problemOf('x'.repeat(100_000))).toMatch(/too long/)
  })
})

describe('a placeholder', () => {
  test.each([
    '${MOORING_KEY}',
    '${env:MOORING_KEY}',
    '${input:mooring-key}',
    '${{ secrets.KEY }}',
    '$(cat key)',
    '$MOORING_KEY',
    '$env:MOORING_KEY',
    '%MOORING_KEY%',
    '{{key}}',
    '{{ key }}',
    '{key}',
    '<your-key>',
    '<YOUR API KEY>',
    '[your key]',
    'YOUR_API_KEY',
    'your-token',
    'INSERT_KEY_HERE',
    'changeme',
    'xxxx',
    '***',
    '...',
    'mk_...',
    'mk_xxxxxxxx',
    'mk_your_key',
  ])('is recognised and shown: %s', (text) => {
    expect(placeholderIn(text)).toBe(text)
    expect(readToken(text)).toMatchObject({ placeholder: true, remedy: expect.any(String) })
    expect(problemOf(text)).toContain(text)
  })

  test('with a secret in it is recognised and not repeated', () => {
    const key = newApiKey(systemRandom)
    for (const text of [`<${key}>`, `\${${key}}`, `{{${key.slice(0, 30)}}}`]) {
      expect(placeholderIn(text)).not.toBeNull()
      expect(problemOf(text)).not.toContain(key.slice(3, 15))
    }
  })

  test('is never seen in a real token', () => {
    fc.assert(
      fc.property(anyToken, (token) => {
        expect(placeholderIn(token)).toBeNull()
      }),
    )
  })
})

test('nothing that is presented is repeated in the problem, unless it is a placeholder', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 12, maxLength: 100, unit: 'grapheme-ascii' }), (text) => {
      const read = readToken(text)
      if ('problem' in read && !read.placeholder) expect(read.problem).not.toContain(text)
    }),
  )
})

test('reading hostile text takes no time to speak of', () => {
  const hostile = [
    `mk_${' '.repeat(60_000)}x`,
    `eyJ${'a-'.repeat(2000)}`,
    `your${'_key'.repeat(1000)}!`,
    '$'.repeat(4000),
    '{'.repeat(4000),
    `"${'\n'.repeat(4000)}`,
  ]
  const start = process.hrtime.bigint()
  for (const text of hostile) readToken(text)
  expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(200)
})
