import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clip, paint, plain, table, when } from './text.ts'

describe('text from strangers', () => {
  it.each([
    ['a\u001b[2Jb', 'a\u{fffd}[2Jb'],
    ['a\nb\tc', 'a b c'],
    ['safe\u202eevil', 'safe\u{fffd}evil'],
    ['zero\u200bwidth', 'zero\u{fffd}width'],
    ['\u009b31m', '\u{fffd}31m'],
    ['  spaces  ', 'spaces'],
    ['Grüße 日本 🙂', 'Grüße 日本 🙂'],
  ])('%j becomes %j', (text, shown) => {
    expect(plain(text)).toBe(shown)
  })

  it('never moves the cursor, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(plain(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      }),
    )
  })
})

describe('a table', () => {
  it('has columns as wide as needed, a dash for nothing, no trailing blanks', () => {
    expect(
      table(
        ['A', 'LONG', 'C'],
        [
          ['wide cell', null, 'x'],
          ['y', 5, undefined],
        ],
      ),
    ).toBe('A          LONG  C\nwide cell  -     x\ny          5     -\n')
  })

  it('is its header when there are no rows', () => {
    expect(table(['A', 'B'], [])).toBe('A  B\n')
  })

  it('cuts only the last column, to the width of the terminal', () => {
    const lines = table(['NAME', 'TEXT'], [['n', 'x'.repeat(300)]], 50).split('\n')
    expect(lines[1]).toBe(`n     ${'x'.repeat(43)}…`)
  })

  it('keeps each row on one line', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 5 }), (rows) => {
        expect(table(['A', 'B'], rows).split('\n')).toHaveLength(rows.length + 2)
      }),
    )
  })

  it('cuts between letters, not inside one', () => {
    expect(clip('🙂🙂🙂🙂', 3)).toBe('🙂🙂…')
    expect(clip('abc', 3)).toBe('abc')
  })
})

describe('a time', () => {
  it('is written in order of size; never is a dash', () => {
    expect(when('2026-11-21T12:00:05.000Z')).toMatch(/^2026-11-2[012] \d\d:\d\d:05$/)
    expect(when(null)).toBe('-')
  })
})

describe('colours', () => {
  it('appear on a terminal', () => {
    expect(paint({ isTTY: true }, {}).red('x')).toBe('\u001b[31mx\u001b[39m')
  })

  it.each([
    ['in a pipe', {}, {}],
    ['with NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }],
    ['on a dumb terminal', { isTTY: true }, { TERM: 'dumb' }],
  ])('do not appear %s', (_where, stream, env) => {
    expect(paint(stream, env).red('x')).toBe('x')
  })
})
