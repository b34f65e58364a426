// No regular expression of ours takes more than linear time on hostile text (threats.md row 31): every literal in the
// sources is run on long texts that are made to send it back and forth.
import { expect, it } from 'vitest'
import { filesUnder, isTest } from './source-files.ts'

/** Linear time is what is measured: five times the length takes five times as long. */
const LENGTH = 20_000
const LIMIT_MS = 10

/** These read what an admin has written, in a file or in one field, and not what others send. */
const OF_ADMINS = ['src/config/']

const LITERAL =
  /(?<=(?:^|[=(,:[!&|?{};\n]|return|=>)\s*)\/((?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([dgimsuvy]*)(?=\s*[.,;)\]}\n:?&|]|$)/gm

interface Pattern {
  path: string
  pattern: RegExp
}

const withoutComments = (text: string) =>
  text.replace(/\/\*\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')

const patterns: Pattern[] = filesUnder('src', ['.ts'])
  .filter(({ path }) => !isTest(path) && !OF_ADMINS.some((room) => path.startsWith(room)))
  .flatMap(({ path, text }) =>
    [...withoutComments(text).matchAll(LITERAL)].map(([, source, flags]) => ({
      path,
      pattern: new RegExp(source!, flags),
    })),
  )

const STARTS = ['', 'x', 'https://', '"id"', ';', '?', '${', '<', '[', '/s/', ' at ', 'Bearer ']
const PIECES = [
  ...['a', 'A', '1', ' ', '\n', '.', '/', '-', '"', ':', '=', '[', '{', '<', '%', '?', ';', "'"],
  ...[
    '\\',
    ',',
    '@',
    '*',
    '(',
    '$',
    '\u0301',
    'a.',
    ':1',
    '=a',
    '?a',
    '&a=',
    '; ',
    'a:',
    '/a',
    '{}',
  ],
  ...['\\"', '%2', 'Unexpected token '],
]
const ENDS = ['', '\u0001!']

function* texts(length: number): Generator<string> {
  for (const start of STARTS)
    for (const piece of PIECES)
      for (const end of ENDS) yield start + piece.repeat(length / piece.length) + end
}

const TEXTS = [...texts(LENGTH)]

function timeOf({ pattern }: Pattern, text: string): number {
  const started = performance.now()
  text.replace(pattern, '')
  return performance.now() - started
}

/** Long ones are measured again: the machine may have been busy. */
const tooLong = (pattern: Pattern, text: string) =>
  [1, 2, 3].every(() => timeOf(pattern, text) > LIMIT_MS)

it('there are many, and they are found', () => {
  expect(patterns.length).toBeGreaterThan(150)
})

it.each(patterns.map((one) => [one.path, String(one.pattern), one] as const))(
  '%s: %s stays quick',
  (_path, _pattern, one) => {
    const slow = TEXTS.find((text) => tooLong(one, text))
    expect(slow?.slice(0, 40)).toBeUndefined()
  },
)

it('one that is not would be noticed', () => {
  const slow = { path: '', pattern: /[ \t]+$/ }
  expect(TEXTS.some((text) => tooLong(slow, text))).toBe(true)
})
