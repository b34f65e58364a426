import { expect, test } from 'vitest'
import { fakeServer } from '../../test/fixtures/fake-link.ts'
import { nobody, serverOf } from '../../test/fixtures/link-rig.ts'
import { AppError } from '../kernel/app-error.ts'
import type { LinkCall, RpcReply } from './link.ts'
import { CATALOG_LIMITS, readCatalog } from './read-catalog.ts'

const server = serverOf({ kind: 'http', url: 'http://127.0.0.1:1/mcp' })
const everything = { tools: {}, prompts: {}, resources: {} }

async function read(
  answer: (call: LinkCall) => RpcReply | Promise<RpcReply>,
  capabilities: Record<string, unknown> = everything,
  signal = new AbortController().signal,
) {
  const fake = fakeServer()
  Object.assign(fake, { answer, capabilities })
  const link = await fake.opener.open(server, {}, nobody)
  const payload = await readCatalog(link, server, signal, () => 42)
  return { payload, methods: fake.links[0]!.calls.map(({ method }) => method) }
}

const empty: Record<string, object> = {
  'tools/list': { tools: [] },
  'prompts/list': { prompts: [] },
  'resources/list': { resources: [] },
  'resources/templates/list': { resourceTemplates: [] },
}

test('all pages of all four lists are read, and unknown fields kept', async () => {
  const { payload } = await read(({ method, params }) => {
    if (method !== 'tools/list') return { result: { ...empty[method] } }
    const page = Number(params.cursor ?? 0)
    const tools = [{ name: `t${page}`, future: { x: 1 } }]
    return { result: page < 2 ? { tools, nextCursor: String(page + 1) } : { tools } }
  })
  expect(payload.tools).toEqual(['t0', 't1', 't2'].map((name) => ({ name, future: { x: 1 } })))
  expect(payload).toMatchObject({
    era: 'session',
    overHttp: true,
    failed: [],
    problems: [],
    fetchedAt: 42,
  })
})

test('only what the server announces is asked for; one that announces nothing may still have tools', async () => {
  const answer = ({ method }: LinkCall) => ({ result: { ...empty[method] } })
  expect((await read(answer, { prompts: {} })).methods).toEqual(['prompts/list'])
  expect((await read(answer, {})).methods).toEqual(['tools/list'])
})

test('a list that fails although announced is empty, with the reason, and the others are there', async () => {
  const { payload } = await read(({ method }) => {
    if (method === 'prompts/list') return { error: { code: -32603, message: 'database is down' } }
    if (method === 'tools/list') return { result: { tools: [{ name: 'a' }] } }
    return { result: { ...empty[method] } }
  })
  expect(payload.tools).toHaveLength(1)
  expect(payload.failed).toEqual(['prompts'])
  expect(payload.problems).toEqual(['notes could not list its prompts: database is down (-32603)'])
})

test('resources without templates are no problem', async () => {
  const { payload } = await read(({ method }) =>
    method === 'resources/templates/list'
      ? { error: { code: -32601, message: 'no' } }
      : { result: { ...empty[method] } },
  )
  expect(payload).toMatchObject({ failed: [], problems: [] })
})

const cases: [string, (call: LinkCall) => RpcReply, RegExp][] = [
  [
    'an endless chain of pages',
    ({ params }) => ({ result: { tools: [], nextCursor: `${params.cursor ?? ''}x` } }),
    /more than 100 pages/,
  ],
  [
    'pages that go round in a circle',
    () => ({ result: { tools: [], nextCursor: 'same' } }),
    /circle/,
  ],
  ['an answer without the list', () => ({ result: {} }), /has no tools/],
  [
    'too many entries',
    () => ({ result: { tools: Array(CATALOG_LIMITS.items + 1).fill({}) } }),
    /more than 10000 entries/,
  ],
  [
    'too many bytes',
    () => ({ result: { tools: [{ name: 'x'.repeat(CATALOG_LIMITS.bytes) }] } }),
    /bytes/,
  ],
]
for (const [what, answer, reason] of cases) {
  test(`${what} fails that list only`, async () => {
    const { payload } = await read(answer, { tools: {} })
    expect(payload.tools).toEqual([])
    expect(payload.problems[0]).toMatch(reason)
  })
}

test('entries that are no objects are left out', async () => {
  const { payload } = await read(() => ({ result: { tools: [null, 'x', [], { name: 'a' }] } }), {
    tools: {},
  })
  expect(payload.tools).toEqual([{ name: 'a' }])
})

test('a list that times out fails alone; a link that is gone fails everything', async () => {
  const slow = await read(({ method }) => {
    if (method === 'tools/list') throw new AppError('server_timeout', 'too slow')
    return { result: { ...empty[method] } }
  })
  expect(slow.payload.failed).toEqual(['tools'])
  const gone = read(() => {
    throw new AppError('server_closed', 'gone')
  })
  await expect(gone).rejects.toMatchObject({ code: 'server_closed' })
})
