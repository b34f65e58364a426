import fc from 'fast-check'
import type { HtmlEscapedString } from 'hono/utils/html'
import { expect, test } from 'vitest'
import type { Html } from './layout.ts'
import { isUnseen, LONGEST_SHOWN, oddities, pieces, prose, shown } from './shown.ts'

const markup = (value: Html) => (value as HtmlEscapedString).toString()
const text = (value: Html) => markup(value).replace(/<[^>]*>/g, '')

test.each([
  ['a bidi override', 'Claude\u202eedualC', 'U+202E'],
  ['a bidi isolate', 'a\u2066b', 'U+2066'],
  ['a zero-width space', 'Cla\u200bude', 'U+200B'],
  ['a zero-width joiner', 'a\u200db', 'U+200D'],
  ['a byte order mark', '\ufeffClaude', 'U+FEFF'],
  ['a soft hyphen', 'Cla\u00adude', 'U+00AD'],
  ['a line feed', 'Claude\nVerified', 'U+000A'],
  ['a NUL', 'a\0b', 'U+0000'],
  ['an escape', 'a\u001b[2Jb', 'U+001B'],
  ['a line separator', 'a\u2028b', 'U+2028'],
  ['a no-break space', 'a\u00a0b', 'U+00A0'],
  ['a Hangul filler', 'a\u3164b', 'U+3164'],
  ['a braille blank', 'a\u2800b', 'U+2800'],
  ['a tag character', 'a\u{e0041}b', 'U+E0041'],
  ['a lone surrogate', 'a\ud800b', 'U+D800'],
  ['a private character', 'a\ue000b', 'U+E000'],
])('%s becomes a box that names it', (_what, name, code) => {
  expect(markup(shown(name))).toContain(`>${code}</span>`)
})

test('repeated characters are one box with a count', () => {
  expect(text(shown(`a${'\u200b'.repeat(40)}b`))).toBe('aU+200B ×40b')
})

test('ordinary names of any language stay as they are', () => {
  for (const name of ['Claude Code (notes)', 'José', 'Łódź', '山田', 'نص', 'हिन्दी', 'Việt', '✓ ok'])
    expect(text(shown(name))).toBe(name)
})

test('a stack of marks cannot grow over other lines', () => {
  const { pieces: shownPieces } = pieces(`Z${'\u0335'.repeat(60)}`)
  expect(shownPieces).toEqual([{ text: `Z${'\u0335'.repeat(3)}` }, { code: 'U+0335', times: 57 }])
})

test('markup is text', () => {
  expect(markup(shown('<script>"\'&'))).toBe('<bdi>&lt;script&gt;&quot;&#39;&amp;</bdi>')
})

test('long names are cut, and the page says how much is left', () => {
  const long = text(shown('x'.repeat(10_000)))
  expect(long).toBe(`${'x'.repeat(LONGEST_SHOWN)}… 9800 more characters`)
})

test('an empty name is said to be empty', () => {
  expect(text(shown(''))).toBe('(empty)')
})

test('whatever comes in, nothing unseen and no markup of theirs comes out', () => {
  const unit = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\u202e', '<b>', '"', '\0'))
  fc.assert(
    fc.property(
      fc.array(unit).map((parts) => parts.join('')),
      (name) => {
        const out = markup(shown(name))
        expect(Array.from(out).filter(isUnseen)).toEqual([])
        expect(
          out.replace(/<\/?(bdi|span)( class="(cp|dim)")?( title="[^"<]*")?>/g, ''),
        ).not.toMatch(/[<>"]/)
      },
    ),
    { numRuns: 500 },
  )
})

test('backticks in our own sentences become commands, and the rest is escaped', () => {
  expect(markup(prose('Run `mooring <x>`, then go on.'))).toBe(
    'Run <code>mooring &lt;x&gt;</code>, then go on.',
  )
})

test('oddities name what is wrong with a name', () => {
  expect(oddities('Claude')).toEqual([])
  expect(oddities('Claude 山田')).toEqual([])
  expect(oddities('Cl\u0430ude')).toEqual(['mixes Latin and Cyrillic letters'])
  for (const name of ['\u{1d402}laude', '\uff23laude', '\u24b8laude'])
    expect(oddities(name)).toEqual(['uses characters that imitate plain letters'])
  expect(oddities('Café № 4™ 1ª')).toEqual([])
  expect(oddities('Claude\u202e')).toEqual(['hides characters that cannot be seen'])
  expect(oddities('x'.repeat(201))).toEqual(['is very long'])
})
