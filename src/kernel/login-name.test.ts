import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loginKey, parseLogin } from './login-name.ts'

describe('a login name', () => {
  test('is shown as typed, without the white space around it', () => {
    expect(parseLogin('  Ann Lee ')).toBe('Ann Lee')
    expect(parseLogin('ann@example.com')).toBe('ann@example.com')
  })

  test('is normalised, so that two ways to type it are one', () => {
    expect(parseLogin('e\u0301va')).toBe('éva')
    expect(parseLogin('ａｎｎ')).toBe('ann')
  })

  test.each(['', '   ', 'x'.repeat(65)])('must have 1 to 64 characters: %j', (text) => {
    expect(() => parseLogin(text)).toThrow(/1 to 64 characters/)
  })

  test('counts characters, not UTF-16 units', () => {
    expect(parseLogin('🙂'.repeat(64))).toBe('🙂'.repeat(64))
  })

  test.each(['a\nb', 'a\u0000b', 'a\u202Eb', 'a\u200Bb', 'a\u2028b', 'a\u2066b', 'a\uE000b'])(
    'has no invisible characters: %j',
    (text) => {
      expect(() => parseLogin(text)).toThrow(/invisible/)
    },
  )
})

describe('the key of a login name', () => {
  test.each([
    ['ANN', 'ann'],
    ['Straße', 'STRASSE'],
    ['ΑΣ', 'ας'],
    ['ﬁn', 'FIN'],
    [' ann ', 'ann'],
  ])('%j and %j are one', (a, b) => {
    expect(loginKey(a)).toBe(loginKey(b))
  })

  test('differs for different names', () => {
    expect(loginKey('ann')).not.toBe(loginKey('anna'))
  })

  test('is its own key, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
        expect(loginKey(loginKey(text))).toBe(loginKey(text))
      }),
    )
  })

  test('is the same for upper and lower case', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
        expect(loginKey(text.toUpperCase())).toBe(loginKey(text))
      }),
    )
  })
})
