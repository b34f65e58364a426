import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parses, scanProblem as problem } from '../../test/fixtures/scan-problem.ts'
import { type Range, scanMessage } from './json-scan.ts'

const scan = (text: string) => scanMessage(Buffer.from(text))
const at = (text: string | Buffer, range: Range | null) =>
  range && Buffer.from(text).subarray(range.start, range.end).toString()

describe('against JSON.parse', () => {
  const allowed = ['accepted', 'bad_request/duplicate', 'bad_request/proto', 'bad_request/case']

  it('accepts whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue())),
        fc.nat(3),
        (value, indent) => {
          const text = JSON.stringify(value, null, indent)
          expect(allowed).toContain(problem(text))
          expect(problem(text)).not.toBe('bad_request/duplicate')
        },
      ),
      { numRuns: 2_000 },
    )
  })

  const token = fc.constantFrom(
    ...'{}[]:,"\\'.split(''),
    ...['"a"', '"id"', '"\\u0061"', '"', '\\u00', 'true', 'null', 'fals', '0', '-1', '1.5', '1e9'],
    ...['.', 'e', '+', ' ', '\n', '\t', '\u00a0', 'é', '\u0000', '{"a":1}', '[1]', ':1', ',"b":'],
  )

  it('agrees on random runs of tokens', () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.array(token, { maxLength: 14 }), (parts) => {
        const text = parts.join('')
        if (parses(text)) {
          accepted++
          expect(allowed).toContain(problem(text))
        } else expect(problem(text)).toMatch(/^bad_request\//)
      }),
      { numRuns: 30_000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  it('agrees on valid messages with one byte changed, dropped or added', () => {
    const valid = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
    fc.assert(
      fc.property(
        valid,
        fc.nat(),
        fc.integer({ min: 32, max: 126 }),
        fc.nat(2),
        (value, n, c, how) => {
          const text = JSON.stringify({ jsonrpc: '2.0', id: 1, params: value })
          const i = n % text.length
          const keep = how === 2 ? i : i + 1
          const mutated =
            text.slice(0, i) + (how === 0 ? '' : String.fromCharCode(c)) + text.slice(keep)
          const seen = problem(mutated)
          if (parses(mutated)) expect(allowed).toContain(seen)
          else expect(seen).toMatch(/^bad_request\//)
        },
      ),
      { numRuns: 10_000 },
    )
  })

  it('finds a repeated name exactly when the object has one', () => {
    const key = fc.oneof(
      fc.constantFrom('a', 'b', 'é', '\ud800', '\ud801', '\ufffd', 'Ã©', ''),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    )
    const written = (text: string) =>
      [...text.split('')].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 24 }), (entries) => {
        const keys = entries.map(([name]) => name)
        const text = `{"params":{"arguments":{${entries
          .map(([name, escaped]) =>
            escaped ? `"${written(name)}":0` : `${JSON.stringify(name)}:0`,
          )
          .join(',')}}}}`
        const expected = new Set(keys).size === keys.length ? 'accepted' : 'bad_request/duplicate'
        expect(problem(text)).toBe(expected)
      }),
      { numRuns: 5_000 },
    )
  })

  it('gives ranges whose text parses to the very members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.nat(4), (id, params, indent) => {
        const message = { id, method: 'm', params }
        const text = JSON.stringify(message, null, indent)
        if (problem(text) !== 'accepted') return
        const found = scan(text)
        const parsed = JSON.parse(text) as typeof message
        expect(JSON.parse(at(text, found.id)!)).toEqual(parsed.id)
        expect(JSON.parse(at(text, found.params)!)).toEqual(parsed.params)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('time', () => {
  /** Best of several runs: the machine may be busy, the algorithm is what is asked about. */
  const best = (text: string) => {
    const bytes = Buffer.from(text)
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < 7; i++) {
      const from = performance.now()
      problem(bytes)
      least = Math.min(least, performance.now() - from)
    }
    return least
  }
  const wide = (n: number) =>
    `{${Array.from({ length: n }, (_, i) => `"key-number-${i}":0`).join(',')}}`
  const samePrefix = (n: number) =>
    `[${Array.from(
      { length: n },
      () =>
        `{${'01234567'
          .split('')
          .map((c) => `"${'x'.repeat(200)}${c}":0`)
          .join(',')}}`,
    ).join(',')}]`

  it.each([
    ['a wide object', wide, 5_000],
    ['long keys that differ at their end', samePrefix, 60],
    ['one long string', (n: number) => `["${'x'.repeat(n)}"]`, 400_000],
    ['escapes', (n: number) => `["${'\\u0041'.repeat(n)}"]`, 60_000],
    ['an unfinished string', (n: number) => `["${'\\\\'.repeat(n)}`, 200_000],
  ])('is linear for %s', (_, make, n) => {
    best(make(n))
    // Four times the input may cost four times; sixteen would be quadratic, and that in every attempt.
    const growth = () => (best(make(4 * n)) - 2) / best(make(n))
    expect(Math.min(growth(), growth(), growth(), growth())).toBeLessThan(10)
  })
})
