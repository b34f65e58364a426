import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts'

test('plain ASCII stays, everything else is wrapped', () => {
  expect(encodeHeaderValue('us-west 1')).toBe('us-west 1')
  expect(encodeHeaderValue('größe')).toBe('=?base64?Z3LDtsOfZQ==?=')
  for (const value of ['', ' a', 'a ', 'a\nb', 'a\u007f', '=?base64?x?='])
    expect(encodeHeaderValue(value)).toMatch(/^=\?base64\?.*\?=$/)
})

test('what comes out can be sent as a header and comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      const sent = encodeHeaderValue(value)
      expect(sent).toMatch(/^[\t\x20-\x7e]*$/)
      expect(sent).toBe(sent.trim())
      expect(decodeHeaderValue(sent)).toBe(value)
    }),
  )
})

test('broken base64 and bytes that are no text are refused', () => {
  for (const value of ['=?base64?***?=', '=?base64?Zg?=', '=?base64?/w==?='])
    expect(decodeHeaderValue(value)).toBeNull()
})
