// JSON bombs and JSON that two parsers read in two ways (threats.md row 32), at the reader that every body of a
// stranger goes through.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AppError } from './app-error.ts'
import { readJson } from './json-body.ts'

const read = (text: string | Buffer) => readJson(Buffer.from(text))
function problem(text: string | Buffer): string {
  try {
    read(text)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return `${error.code}/${String(error.data?.problem)}`
  }
  return 'read'
}

it.each<[string, string | Buffer, string]>([
  ['101 levels', '['.repeat(101) + ']'.repeat(101), 'too_large/depth'],
  ['a million levels', '{"a":'.repeat(1e6), 'too_large/depth'],
  ['100,001 members', `[${'1,'.repeat(100_000)}1]`, 'too_large/members'],
  ['a name twice', '{"a":1,"a":2}', 'bad_request/duplicate'],
  ['a name twice, once escaped', '{"method":1,"me\\u0074hod":2}', 'bad_request/duplicate'],
  ['a name twice, escaped in two ways', '{"\\u0061\\/":1,"a/":2}', 'bad_request/duplicate'],
  ['a name twice, deep inside', '{"a":[{"b":{"c":1,"c":2}}]}', 'bad_request/duplicate'],
  ['__proto__', '{"__proto__":{"admin":true}}', 'bad_request/proto'],
  ['__proto__ with escapes, deep inside', '{"a":[[{"__pr\\u006fto__":1}]]}', 'bad_request/proto'],
  ['a byte order mark', Buffer.from('\ufeff{}'), 'bad_request/syntax'],
  ['UTF-16', Buffer.from('{}', 'utf16le'), 'bad_request/syntax'],
  ['a NUL byte', '{"a":"\u0000"}', 'bad_request/syntax'],
  ['a NUL byte after the end', '{}\u0000', 'bad_request/syntax'],
  [
    'bytes that are not UTF-8',
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    'bad_request/utf8',
  ],
  ['a surrogate as UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'bad_request/utf8'],
  ['an overlong slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'bad_request/utf8'],
  ['two values', '{}{}', 'bad_request/syntax'],
  ['nothing', '', 'bad_request/syntax'],
  ['a comment', '{/**/}', 'bad_request/syntax'],
  ['NaN', '{"a":NaN}', 'bad_request/syntax'],
  ['a trailing comma', '[1,]', 'bad_request/syntax'],
])('%s is refused', (_name, text, verdict) => {
  expect(problem(text)).toBe(verdict)
})

it.each<[string, unknown]>([
  ['{"constructor":{"prototype":{"admin":true}}}', { constructor: { prototype: { admin: true } } }],
  ['{"toString":1,"hasOwnProperty":2}', { toString: 1, hasOwnProperty: 2 }],
  ['[1e400,-0,5e-324,12345678901234567890]', [Infinity, -0, 5e-324, 12345678901234567000]],
  ['{"a":"\\ud800"}', { a: '\ud800' }],
  ['{"a":1,"A":2,"b":{"a":3}}', { a: 1, A: 2, b: { a: 3 } }],
  ['"text"', 'text'],
  ['null', null],
])('%s is read as it stands, and pollutes nothing', (text, value) => {
  expect(read(text)).toEqual(value)
  expect(({} as Record<string, unknown>).admin).toBeUndefined()
  expect(Object.keys(Object.prototype)).toEqual([])
})

it('reads whatever JSON.stringify writes, however odd the names', () => {
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('constructor', 'prototype', 'a', ''),
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.jsonValue(),
      fc.dictionary(key, tie('tree')),
      fc.array(tie('tree')),
    ),
  }))
  fc.assert(
    fc.property(tree, (value) => {
      const text = JSON.stringify(value)
      fc.pre(
        !text.includes('"__proto__":') &&
          !/"(?:jsonrpc|id|method|params|result|error)"\s*:/i.test(text),
      )
      expect(read(text)).toEqual(JSON.parse(text))
    }),
    { numRuns: 100 },
  )
})

it('refuses large bombs in little time and memory', () => {
  const bombs = [
    '['.repeat(4e6),
    `[${'[],'.repeat(1e6)}[]]`,
    `{${Array.from({ length: 200_000 }, (_, i) => `"${i}":0`).join(',')}}`,
    `{${'"a":0,'.repeat(500_000)}"b":0}`,
    `[${'"\\u0041",'.repeat(200_000)}0]`,
  ]
  const before = process.memoryUsage().rss
  const started = performance.now()
  for (const bomb of bombs) expect(problem(bomb)).not.toBe('read')
  expect(performance.now() - started).toBeLessThan(5000)
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024)
})
