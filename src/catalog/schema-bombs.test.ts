// Schemas and arguments that are made to take for ever (threats.md rows 31, 33). Each is judged, compiled and run in
// bounded time; what takes too long is left to the server.
import { expect, test } from 'vitest'
import type { JsonObject } from '../kernel/mcp.ts'
import { buildCatalog, type CatalogPayload } from './build.ts'
import { createSchemaChecker } from './schema-check.ts'

/** Without a bound each of these takes from ten seconds to longer than anybody lives. */
const LIMIT_MS = 8000
const DRAFT_7 = 'http://json-schema.org/draft-07/schema#'

const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))
const named = (count: number, make: (i: number) => [string, unknown]): JsonObject =>
  Object.fromEntries(many(count, make))
const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...more,
})
const nested = (levels: number, around: (inner: JsonObject) => JsonObject, last: JsonObject) =>
  many(levels, (i) => i).reduce((inner) => around(inner), last)
const doubling = (keyword: string, last: unknown) =>
  named(40, (i) => [
    `d${i}`,
    i === 39 ? last : { [keyword]: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
  ])

const payloadOf = (tools: JsonObject[]): CatalogPayload => ({
  era: 'session',
  overHttp: true,
  hello: { protocolVersion: '2025-11-25', serverInfo: {}, capabilities: {} },
  tools,
  ...{ prompts: [], resources: [], templates: [], failed: [], problems: [], fetchedAt: 0 },
})

/** Name, schema, arguments, and what is said of them; `null` where the check is left to the server. */
const bombs: [string, JsonObject, unknown, string | null][] = [
  [
    'anyOf that doubles',
    object({ x: { $ref: '#/$defs/d0' } }, { $defs: doubling('anyOf', { type: 'string' }) }),
    { x: 1 },
    null,
  ],
  [
    'oneOf that doubles',
    object({ x: { $ref: '#/$defs/d0' } }, { $defs: doubling('oneOf', { type: 'string' }) }),
    { x: 1 },
    null,
  ],
  [
    'allOf that doubles',
    object({ x: { $ref: '#/$defs/d0' } }, { $defs: doubling('allOf', { type: 'number' }) }),
    { x: 1 },
    null,
  ],
  [
    'anyOf of itself, deeper with every level',
    object({ a: { anyOf: [{ $ref: '#' }, { $ref: '#' }] }, b: { type: 'string' } }),
    nested(60, (a) => ({ a }), { b: 1 }),
    null,
  ],
  [
    'one large definition in 800 places',
    object(
      named(800, (i) => [`p${i}`, { $ref: '#/$defs/big' }]),
      { $defs: { big: object(named(1000, (i) => [`q${i}`, { type: 'string' }])) } },
    ),
    { p1: { q1: 1 } },
    'arguments/p1/q1 must be string',
  ],
  [
    'allOf ten deep, each with two',
    object({ a: nested(10, (s) => ({ allOf: [s, structuredClone(s)] }), { type: 'object' }) }),
    { a: 1 },
    null,
  ],
  [
    'nineteen thousand properties',
    object(named(19_000, (i) => [`p${i}`, { type: 'string', minLength: 1 }])),
    { p1: 1 },
    null,
  ],
  [
    'an enum of 100,000 texts',
    object({ a: { enum: many(100_000, (i) => `v${i}`) } }),
    { a: 'no' },
    'arguments/a must be equal to one of the allowed values',
  ],
  [
    'an enum of 100,000 texts in draft-07, whose own rules want them unique',
    object({ a: { enum: many(50_000, (i) => `v${i}`) } }, { $schema: DRAFT_7 }),
    { a: 'no' },
    'arguments/a must be equal to one of the allowed values',
  ],
  [
    'uniqueItems over 50,000 objects',
    object({ a: { type: 'array', uniqueItems: true } }),
    { a: many(50_000, (i) => ({ i })) },
    null,
  ],
  [
    '1500 alternatives for each of 50,000 items',
    object({ a: { items: { anyOf: many(1500, (i) => ({ const: `x${i}` })) } } }),
    { a: many(50_000, () => 'x1499') },
    null,
  ],
  [
    'a slow pattern for each of 5,000 items',
    object({ a: { items: { pattern: 'a*b' } } }),
    { a: many(5_000, () => 'a'.repeat(1_000)) },
    'arguments/a/0 must match pattern "a*b"',
  ],
  [
    'a slow pattern for each of 5,000 names',
    object({}, { patternProperties: { 'a*a*b': {} } }),
    named(5_000, (i) => [`${'a'.repeat(200)}${i}`, 1]),
    null,
  ],
]

test.each(bombs)('%s does not hold the gateway up', (_name, schema, args, said) => {
  const checker = createSchemaChecker()
  const started = performance.now()
  expect(checker.problem(schema)).toBeNull()
  expect(checker.checkOf(schema)(args)).toBe(said)
  expect(performance.now() - started).toBeLessThan(LIMIT_MS)
})

test('what is too much to check is left to the server', () => {
  const check = createSchemaChecker().checkOf(
    object({ a: { type: 'array', items: { type: 'string' } } }),
  )
  expect(check({ a: [...many(90_000, () => 'x'), 1] })).toBe('arguments/a/90000 must be string')
  expect(check({ a: [...many(110_000, () => 'x'), 1] })).toBeNull()
})

test('a check that took too long takes nothing from the next one', () => {
  const check = createSchemaChecker().checkOf(
    object({ a: { type: 'array', items: { type: 'string' } } }),
  )
  expect(check({ a: many(200_000, () => 'x') })).toBeNull()
  expect(check({ a: [1] })).toBe('arguments/a/0 must be string')
})

test.each<[string, JsonObject, RegExp]>([
  [
    '$ref in a circle',
    object(
      {},
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    ),
    /in a circle/,
  ],
  ['$ref to itself', object({ a: { $ref: '#/properties/a' } }), /in a circle/],
  [
    '$dynamicRef into the network',
    object({ a: { $dynamicRef: 'https://evil.example/x#y' } }),
    /outside itself/,
  ],
  [
    '$recursiveRef into the network',
    object({ a: { $recursiveRef: 'https://evil.example/x' } }),
    /outside itself/,
  ],
  [
    '$ref into data',
    object({ a: { $ref: '#/properties/b/enum/0' }, b: { enum: [{ anyOf: [] }] } }),
    /is no schema/,
  ],
  ['400 levels', object({ a: nested(400, (not) => ({ not }), {}) }), /more than 64 deep/],
  [
    'a huge $defs',
    object({}, { $defs: named(30_000, (i) => [`d${i}`, {}]) }),
    /more than 20000 parts/,
  ],
])('%s hides that tool only, with the reason', (_name, schema, reason) => {
  const good = { name: 'good', inputSchema: object({ a: { type: 'string' } }) }
  const catalog = buildCatalog(
    { id: 's', name: 's' },
    payloadOf([{ name: 'bad', inputSchema: schema }, good]),
  )
  expect(catalog.tools.get('bad')?.hidden).toMatch(reason)
  expect(catalog.tools.get('good')?.hidden).toBeNull()
})

test('a thousand large schemas together are too much: the last of them are hidden, with the reason', () => {
  const inputSchema = object(named(900, (i) => [`p${i}`, {}]))
  const tools = many(1_000, (i) => ({ name: `t${String(i).padStart(4, '0')}`, inputSchema }))
  const started = performance.now()
  const catalog = buildCatalog({ id: 's', name: 's' }, payloadOf(tools))
  expect(performance.now() - started).toBeLessThan(10_000)
  expect(catalog.tools.get('t0000')?.hidden).toBeNull()
  expect(catalog.tools.get('t0999')?.hidden).toMatch(/more than 250000 parts together/)
})

test('a circle that only the arguments show is left to the server', () => {
  const round = object({}, { allOf: [{ $ref: '#' }] })
  const checker = createSchemaChecker()
  expect(checker.problem(round)).toBeNull()
  expect(checker.checkOf(round)({})).toBeNull()
})

test('a schema that asks for an asynchronous check gets an ordinary one', async () => {
  const check = createSchemaChecker().checkOf(object({ a: { type: 'string' } }, { $async: true }))
  expect(check({ a: 1 })).toBe('arguments/a must be string')
})

test('names that two schemas give themselves, inside as well, do not meet', () => {
  const checker = createSchemaChecker()
  const dialect = 'https://json-schema.org/draft/2020-12/schema'
  const first = object(
    { a: { $ref: '#/$defs/x' } },
    { $defs: { x: { $id: dialect, type: 'string' } } },
  )
  const second = object(
    { a: { $ref: '#/$defs/x' } },
    { $defs: { x: { $id: dialect, type: 'number' } } },
  )
  expect(checker.problem(first)).toBeNull()
  expect(checker.checkOf(first)({ a: 1 })).toBe('arguments/a must be string')
  expect(checker.problem(second)).toBeNull()
  expect(checker.checkOf(second)({ a: 'x' })).toBe('arguments/a must be number')
})

test('properties may have the names of keywords', () => {
  const names = [
    '$id',
    '$ref',
    'enum',
    'const',
    'properties',
    'default',
    '$async',
    'required',
    '$defs',
  ]
  const schema = object(named(names.length, (i) => [names[i]!, { type: 'string' }]))
  const checker = createSchemaChecker()
  expect(checker.problem(schema)).toBeNull()
  for (const name of names)
    expect(checker.checkOf(schema)({ [name]: 1 })).toContain(`arguments/${name} must be string`)
})

test('uniqueItems keeps its meaning: deep, and whatever the order of members', () => {
  const check = createSchemaChecker().checkOf(object({ a: { type: 'array', uniqueItems: true } }))
  expect(
    check({
      a: [
        { x: 1, y: [2] },
        { y: [2], x: 1 },
      ],
    }),
  ).toContain('duplicate items')
  expect(check({ a: [1, '1', true, 'true', null, 'null', [], {}, [[]]] })).toBeNull()
  expect(check({ a: [0.5, 0.5] })).toContain('duplicate items')
})
