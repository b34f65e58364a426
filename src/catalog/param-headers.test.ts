import { expect, test } from 'vitest'
import { paramHeaders, paramHeadersOf } from './param-headers.ts'

const region = { type: 'string', 'x-mcp-header': 'Region' }
const object = (properties: object, more = {}) => ({ type: 'object', properties, ...more })

test('declarations are found at any depth of properties', () => {
  const schema = object({
    region,
    where: object({ zone: { type: 'integer', 'x-mcp-header': 'Zone' } }),
  })
  expect(paramHeadersOf(schema)).toEqual({
    headers: [
      { path: ['region'], name: 'Region' },
      { path: ['where', 'zone'], name: 'Zone' },
    ],
  })
  expect(paramHeaders(schema, { region: 'größe', where: { zone: 7 }, other: 1 })).toEqual({
    'mcp-param-region': '=?base64?Z3LDtsOfZQ==?=',
    'mcp-param-zone': '7',
  })
})

test('absent, null and unsuitable arguments have no header', () => {
  const schema = object({ region, on: { type: 'boolean', 'x-mcp-header': 'On' } })
  for (const args of [
    {},
    { region: null },
    { region: {} },
    { region: 1.5 },
    null,
    'text',
    { region: 2 ** 60 },
  ])
    expect(paramHeaders(schema, args)).toEqual({})
  expect(paramHeaders(schema, { on: false })).toEqual({ 'mcp-param-on': 'false' })
})

const invalid: [string, object][] = [
  ['no header name', object({ a: { type: 'string', 'x-mcp-header': 'a b' } })],
  ['an empty name', object({ a: { type: 'string', 'x-mcp-header': '' } })],
  ['a line break', object({ a: { type: 'string', 'x-mcp-header': 'A\r\nX' } })],
  ['not even text', object({ a: { type: 'string', 'x-mcp-header': 1 } })],
  ['type number', object({ a: { type: 'number', 'x-mcp-header': 'A' } })],
  ['type object', object({ a: { type: 'object', 'x-mcp-header': 'A' } })],
  ['no type', object({ a: { 'x-mcp-header': 'A' } })],
  ['the same name twice', object({ a: region, b: { type: 'string', 'x-mcp-header': 'REGION' } })],
  ['at the root', { ...object({}), 'x-mcp-header': 'A' }],
  ['in items', object({ a: { type: 'array', items: region } })],
  ['in oneOf', object({}, { oneOf: [object({ a: region })] })],
  ['in $defs', object({}, { $defs: { a: object({ b: region }) } })],
  ['in additionalProperties', object({}, { additionalProperties: region })],
]
for (const [what, schema] of invalid) {
  test(`a declaration is invalid: ${what}`, () => {
    expect(paramHeadersOf(schema as never)).toHaveProperty('invalid')
    expect(paramHeaders(schema as never, { a: 'x' })).toEqual({})
  })
}

test('data that looks like a declaration is none', () => {
  const data = { 'x-mcp-header': 'A' }
  const schema = object({
    a: { type: 'object', default: data, const: data, enum: [data], examples: [data] },
  })
  expect(paramHeadersOf(schema)).toEqual({ headers: [] })
  // Properties may have any name, those of keywords too.
  expect(paramHeadersOf(object({ default: region }))).toEqual({
    headers: [{ path: ['default'], name: 'Region' }],
  })
})
