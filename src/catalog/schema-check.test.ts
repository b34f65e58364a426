import { expect, test } from 'vitest'
import type { JsonObject } from '../kernel/mcp.ts'
import { createSchemaChecker } from './schema-check.ts'

const checker = createSchemaChecker()
const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...more,
})

test('good schemas have no problem: empty, nested, recursive, large, of both dialects', () => {
  const good: JsonObject[] = [
    { type: 'object' },
    object(
      { a: { type: ['string', 'null'] }, b: { $ref: '#/$defs/b' } },
      { $defs: { b: { enum: [1] } } },
    ),
    object({ next: { $ref: '#' }, tree: { $ref: '#/properties/next' } }),
    object(
      { a: { type: 'string' } },
      { $schema: 'http://json-schema.org/draft-07/schema#', definitions: {} },
    ),
    object(
      { a: { type: 'array', prefixItems: [{ type: 'string' }] } },
      { $schema: 'https://json-schema.org/draft/2020-12/schema' },
    ),
    object({ a: { type: 'string', format: 'made-up', 'x-mine': { y: 1 }, example: 1 } }),
    object({ a: { $ref: '#anchor' } }, { $defs: { x: { $anchor: 'anchor' } } }),
    object(
      Object.fromEntries(
        Array.from({ length: 900 }, (_, i) => [
          `p${i}`,
          { type: 'string', description: 'x'.repeat(80) },
        ]),
      ),
    ),
    object({ 'a/b~c': {}, d: { $ref: '#/properties/a~1b~0c' } }),
  ]
  for (const schema of good) expect(checker.problem(schema)).toBeNull()
})

const deep = (levels: number): JsonObject => (levels === 0 ? {} : object({ a: deep(levels - 1) }))
const bad: [string, unknown, RegExp][] = [
  ['none', undefined, /missing/],
  ['a list', [], /missing/],
  ['another type', { type: 'string' }, /not of type object/],
  ['no type', {}, /not of type object/],
  [
    'a type that does not exist',
    object({ a: { type: 'strng' } }),
    /invalid at \/properties\/a\/type/,
  ],
  ['properties that are a list', { type: 'object', properties: [] }, /invalid/],
  ['required that is no list', { type: 'object', required: 'a' }, /invalid/],
  [
    'a reference into the network',
    object({ a: { $ref: 'https://evil.example/s.json' } }),
    /outside itself/,
  ],
  ['a reference to a file', object({ a: { $ref: 'file:///etc/passwd' } }), /outside itself/],
  ['a reference to nothing', object({ a: { $ref: '#/$defs/gone' } }), /which is not there/],
  ['a reference to a prototype', object({ a: { $ref: '#/__proto__/x' } }), /which is not there/],
  ['endless depth', deep(100), /nested more than 64 deep/],
  [
    'endless size',
    object({ a: { enum: Array.from({ length: 30_000 }, () => ({})) } }),
    /more than 20000 parts/,
  ],
]
for (const [what, schema, reason] of bad) {
  test(`a schema has a problem: ${what}`, () => {
    expect(checker.problem(schema)).toMatch(reason)
  })
}

test('arguments are checked, and the complaint names the place', () => {
  const check = checker.checkOf(
    object(
      { to: { type: 'string' }, n: { type: 'integer', minimum: 1 } },
      { required: ['to'], additionalProperties: false },
    ),
  )
  expect(check({ to: 'x', n: 2 })).toBeNull()
  expect(check({})).toContain("must have required property 'to'")
  expect(check({ to: 1 })).toBe('arguments/to must be string')
  expect(check({ to: 'x', n: 0 })).toContain('arguments/n')
  expect(check({ to: 'x', extra: 1 })).toContain('additional properties')
  expect(check('text')).not.toBeNull()
})

test('draft-07 and 2020-12 keep their own meaning', () => {
  const draft7 = checker.checkOf(
    object(
      { pair: { type: 'array', items: [{ type: 'string' }] } },
      { $schema: 'http://json-schema.org/draft-07/schema#' },
    ),
  )
  expect(draft7({ pair: [1] })).not.toBeNull()
  const latest = checker.checkOf(
    object({ pair: { type: 'array', prefixItems: [{ type: 'string' }] } }),
  )
  expect(latest({ pair: [1] })).not.toBeNull()
})

test('schemas of two tools with the same $id, and two patterns, do not meet', () => {
  const one = checker.checkOf(object({ a: { type: 'string', pattern: '^x$' } }, { $id: 'urn:s' }))
  const two = checker.checkOf(
    object({ a: { type: 'string', pattern: '^y$' }, b: { pattern: '^z$' } }, { $id: 'urn:s' }),
  )
  expect([one({ a: 'x' }), one({ a: 'y' })]).toEqual([null, expect.any(String)])
  expect([two({ a: 'y', b: 'z' }), two({ a: 'x' }), two({ b: 'y' })]).toEqual([
    null,
    expect.any(String),
    expect.any(String),
  ])
})

test('a recursive schema checks recursive arguments', () => {
  const check = checker.checkOf(object({ next: { $ref: '#' }, v: { type: 'number' } }))
  expect(check({ next: { next: { v: 1 } } })).toBeNull()
  expect(check({ next: { next: { v: 'x' } } })).toContain('arguments/next/next/v')
})

test('complaints are short, whatever was sent', () => {
  const check = checker.checkOf(object({}, { additionalProperties: { type: 'string' } }))
  expect(check(Object.fromEntries([['k'.repeat(10_000), 1]]))!.length).toBeLessThanOrEqual(300)
})
