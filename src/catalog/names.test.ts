import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NAME, ownName, publicName } from './names.ts'

const server = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/)

test('a plain name is prefixed and otherwise left alone', () => {
  expect(publicName('notes', 'search_all')).toBe('notes__search_all')
  expect(ownName('search_all')).toBe('search_all')
})

test('dots, spaces and length lead to an alias that can still be read, and never changes', () => {
  expect(publicName('notes', 'files.read')).toBe('notes__files_read_drd2xbg3')
  expect(ownName('files.read')).toMatch(/^files_read_[0-9a-z]{8}$/)
  const long = publicName('notes', 'x'.repeat(100))
  expect(long).toHaveLength(64)
  expect(long).toMatch(/^notes__x+_[0-9a-z]{8}$/)
})

test('every name that is offered is one that clients accept', () => {
  fc.assert(
    fc.property(server, fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (s, tool) => {
      expect(publicName(s, tool)).toMatch(NAME)
      expect(ownName(tool)).toMatch(NAME)
    }),
  )
})

test('names that differ only in what an alias leaves out stay apart', () => {
  const tools = [
    'a.b',
    'a/b',
    'a b',
    'a..b',
    'a\u200bb',
    'a\u202eb',
    `${'x'.repeat(80)}1`,
    `${'x'.repeat(80)}2`,
  ]
  expect(new Set(tools.map((tool) => publicName('s', tool))).size).toBe(tools.length)
})

test('two servers never share a name', () => {
  fc.assert(
    fc.property(server, server, fc.string(), fc.string(), (a, b, x, y) => {
      fc.pre(a !== b)
      expect(publicName(a, x)).not.toBe(publicName(b, y))
    }),
  )
})
