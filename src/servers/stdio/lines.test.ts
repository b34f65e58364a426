import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLineReader } from './lines.ts'

function read(chunks: Iterable<Buffer>, limit = 1000) {
  const lines: string[] = []
  const tooLong: [string, string][] = []
  const reader = createLineReader(limit, {
    line: (text) => lines.push(text),
    tooLong: (beginning, end) => tooLong.push([beginning, end]),
  })
  for (const chunk of chunks) reader.push(chunk)
  return { lines, tooLong }
}

test('lines come out whole however the bytes are cut, characters of several bytes too', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }).map((s) => s.replace(/[\r\n]/g, ''))),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      (expected, sizes) => {
        const bytes = Buffer.from(expected.map((line) => `${line}\n`).join(''))
        const chunks: Buffer[] = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length]!
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(read(chunks, 1e6).lines).toEqual(expected)
      },
    ),
  )
})

test('a carriage return before the line end belongs to it, and an unfinished line waits', () => {
  expect(read([Buffer.from('a\r\nb\nc')]).lines).toEqual(['a', 'b'])
})

test('a line over the cap is reported by its ends, and the next one is read', () => {
  const long = `{"id":1,${'x'.repeat(5000)},"end":2}`
  const bytes = Buffer.from(`${long}\nnext\n`)
  const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) =>
    bytes.subarray(i * 100, i * 100 + 100),
  )
  for (const chunks of [[bytes], pieces]) {
    const { lines, tooLong } = read(chunks)
    expect(lines).toEqual(['next'])
    expect(tooLong).toHaveLength(1)
    expect(tooLong[0]![0].startsWith('{"id":1,')).toBe(true)
    expect(tooLong[0]![1].endsWith('"end":2}')).toBe(true)
    expect(tooLong[0]![0].length + tooLong[0]![1].length).toBeLessThan(2100)
  }
})
