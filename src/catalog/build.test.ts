import { expect, test } from 'vitest'
import type { JsonObject } from '../kernel/mcp.ts'
import { buildCatalog, type CatalogPayload } from './build.ts'

const server = { id: 'srv_1', name: 'notes' }
const payload = (more: Partial<CatalogPayload>): CatalogPayload => ({
  era: 'session',
  overHttp: false,
  hello: { protocolVersion: '2025-11-25', serverInfo: { name: 's' }, capabilities: {} },
  tools: [],
  prompts: [],
  resources: [],
  templates: [],
  failed: [],
  problems: [],
  fetchedAt: 7,
  ...more,
})
const tool = (name: string, more: JsonObject = {}): JsonObject => ({
  name,
  inputSchema: { type: 'object' },
  ...more,
})
const build = (more: Partial<CatalogPayload>) => buildCatalog(server, payload(more))

test('a definition keeps every field and its order, under both names', () => {
  const definition = {
    title: 'Search',
    name: 'search',
    inputSchema: { type: 'object', 'x-odd': 1 },
    _meta: { 'ui/resourceUri': 'ui://x' },
    future: [{ a: null }],
  }
  const entry = build({ tools: [definition] }).tools.get('search')!
  expect(entry.ownFragment).toBe(JSON.stringify(definition))
  expect(entry.publicFragment).toBe(JSON.stringify({ ...definition, name: 'notes__search' }))
  expect(entry).toMatchObject({
    name: 'search',
    publicName: 'notes__search',
    hidden: null,
    definition,
  })
})

test('whatever order a server lists in, the bytes that are offered are the same', () => {
  const tools = ['b', 'a', 'Z', '_', 'ä.x', '10', '9'].map((name) => tool(name))
  const offered = (list: JsonObject[]) =>
    [...build({ tools: list }).tools.values()].map(({ publicFragment }) => publicFragment).join()
  expect(offered([...tools].reverse())).toBe(offered(tools))
  expect([...build({ tools }).tools.values()].map(({ name }) => name)).toEqual([
    '10',
    '9',
    'Z',
    '_',
    'a',
    'b',
    'ä.x',
  ])
})

test('one invalid schema hides that tool only, and says why', () => {
  const tools = [
    tool('good'),
    tool('bad', { inputSchema: { type: 'object', properties: { a: { type: 'x' } } } }),
    { name: 'none' },
  ]
  const catalog = build({ tools })
  expect(
    Object.fromEntries([...catalog.tools].map(([name, { hidden }]) => [name, hidden])),
  ).toEqual({
    good: null,
    bad: expect.stringContaining('invalid at /properties/a/type'),
    none: 'Hidden because its input schema is missing.',
  })
  expect(catalog.tools.get('none')?.definition.inputSchema).toEqual({})
})

test('a dotted name is offered under an alias on both endpoints, and called by its own', () => {
  const entry = [...build({ tools: [tool('files.read')] }).tools.values()][0]!
  expect(entry.name).toBe('files.read')
  expect(JSON.parse(entry.ownFragment).name).toMatch(/^files_read_/)
  expect(JSON.parse(entry.publicFragment).name).toBe(entry.publicName)
  const [key] = [...build({ tools: [tool('files.read')] }).tools.keys()]
  expect(key).toBe(JSON.parse(entry.ownFragment).name)
})

test('a name that is there twice, or that is the alias of another, is left out with a word', () => {
  const alias = [...build({ tools: [tool('a.b')] }).tools.keys()][0]!
  const catalog = build({
    tools: [tool('a.b'), tool(alias), tool('c', { title: 'first' }), tool('c')],
  })
  expect(catalog.tools.size).toBe(2)
  expect(catalog.tools.get('c')?.definition.title).toBe('first')
  expect(catalog.problems).toHaveLength(2)
  expect(catalog.problems.join()).toContain('clashes with')
})

test('entries without a name or address are left out; hidden characters do not reach the message', () => {
  const catalog = build({
    tools: [{ inputSchema: {} }, tool(''), tool('x\u202ey'), tool('x\u202ey')],
    resources: [{ name: 'no uri' }],
    templates: [{ name: 'no template' }],
    prompts: [{ title: 'no name' }],
    problems: ['notes could not list its prompts: no'],
  })
  expect(catalog.tools.size).toBe(1)
  expect([...catalog.tools.keys()][0]).toMatch(/^x_y_[0-9a-z]{8}$/)
  expect(catalog.problems).toHaveLength(7)
  expect(catalog.problems.join()).not.toContain('\u202e')
})

test('an invalid header declaration hides a tool over HTTP, and means nothing elsewhere', () => {
  const tools = [
    tool('t', {
      inputSchema: { type: 'object', properties: { a: { type: 'number', 'x-mcp-header': 'A' } } },
    }),
  ]
  expect(build({ tools, overHttp: true }).tools.get('t')?.hidden).toContain('x-mcp-header')
  expect(build({ tools }).tools.get('t')?.hidden).toBeNull()
})

test('prompts, resources and templates are ready to be sent', () => {
  const catalog = build({
    prompts: [{ name: 'greet', arguments: [] }, { name: 'greet' }],
    resources: [
      { uri: 'x://2', name: 'two' },
      { uri: 'x://1', name: 'one' },
    ],
    templates: [{ uriTemplate: 'x://{id}', name: 't' }],
  })
  expect(catalog.prompts.get('greet')).toMatchObject({
    publicFragment: '{"name":"notes__greet","arguments":[]}',
  })
  expect([...catalog.resources.keys()]).toEqual(['x://1', 'x://2'])
  expect(catalog.templates[0]?.matches('x://5')).toBe(true)
  expect(catalog).toMatchObject({
    serverId: 'srv_1',
    serverName: 'notes',
    era: 'session',
    fetchedAt: 7,
  })
})

test('arguments are checked by the schema of their own tool', () => {
  const inputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }
  const catalog = build({ tools: [tool('strict', { inputSchema }), tool('loose')] })
  expect(catalog.tools.get('strict')?.check({})).toContain("'n'")
  expect(catalog.tools.get('loose')?.check({ any: 1 })).toBeNull()
})

test('two hundred large definitions are built in well under a second', () => {
  const properties = Object.fromEntries(
    Array.from({ length: 50 }, (_, i) => [
      `p${i}`,
      { type: 'string', description: 'x'.repeat(200) },
    ]),
  )
  const tools = Array.from({ length: 200 }, (_, i) =>
    tool(`t${i}`, { inputSchema: { type: 'object', properties } }),
  )
  build({ tools: tools.slice(0, 1) })
  const started = performance.now()
  expect(build({ tools }).tools.size).toBe(200)
  expect(performance.now() - started).toBeLessThan(2000)
})
