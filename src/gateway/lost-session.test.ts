// A server that forgets its sessions, as after a restart: the gateway opens new ones, and no call runs twice.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../../test/fixtures/gateway.ts'
import { openSession } from '../../test/fixtures/raw-client.ts'
import {
  type Behaviour,
  json,
  type OddServer,
  result,
  rpcError,
  sessionEra,
  startOdd,
} from '../../test/fixtures/servers/odd-http.ts'

let gateway: Gateway
let odd: OddServer
/** Ids that the server knows, and what it ran. */
let known = new Set<string>()
let ran: unknown[] = []
let refuse: Behaviour

const notFound: Behaviour = (request, res) => json(res, 404, rpcError(request, -32001, 'gone'))

beforeAll(async () => {
  let next = 0
  odd = await startOdd((request, res) => {
    const { method, params, id } = request.body ?? {}
    if (request.method !== 'POST') return res.writeHead(405).end()
    if (method === 'server/discover') return json(res, 400, rpcError(request, -32601, 'no'))
    if (method === 'initialize') {
      const session = `s-${next++}`
      known.add(session)
      const capabilities = { tools: {} }
      const serverInfo = { name: 'odd', version: '1' }
      const value = { protocolVersion: '2025-06-18', capabilities, serverInfo }
      return json(res, 200, result(request, value), { 'mcp-session-id': session })
    }
    if (!known.has(String(request.headers['mcp-session-id']))) return refuse(request, res)
    if (id === undefined) return res.writeHead(202).end()
    const tools = [{ name: 'add', inputSchema: { type: 'object' } }]
    if (method === 'tools/list') return json(res, 200, result(request, { tools }))
    if (method !== 'tools/call') return json(res, 200, rpcError(request, -32601, 'no'))
    const { n } = params!.arguments as { n: number }
    if (n < 0) return json(res, 404, { ...rpcError(request, -32002, 'no such number'), id: null })
    ran.push(n)
    return json(res, 200, result(request, { content: [{ type: 'text', text: `${n}` }] }))
  })
  gateway = await startGatewayHere()
  await gateway.addServer('odd', odd.url)
})
afterAll(async () => {
  await gateway?.close()
  await odd?.close()
})
beforeEach(() => {
  ran = []
  refuse = notFound
})

const session = async (path: string, capabilities: object) => {
  const { key } = await gateway.createKey()
  return openSession(`${gateway.url}${path}`, { 'x-api-key': key }, capabilities)
}

describe.each([
  ['streamed', '/s/odd/mcp', {}, 'add'],
  ['parsed', '/mcp', { sampling: {} }, 'odd__add'],
])('a call to a server that has forgotten the session, %s', (_, path, capabilities, tool) => {
  it.each<[string, Behaviour]>([
    ['404', notFound],
    ['404 without a body', (_request, res) => res.writeHead(404).end()],
    [
      '400 as some do',
      (request, res) =>
        json(res, 400, {
          ...rpcError(request, -32000, 'Bad Request: No valid session ID'),
          id: null,
        }),
    ],
    [
      'a 404 that breaks off',
      (_request, res) => {
        res.writeHead(404, { 'content-length': 100 }).write('{"jsonrpc"')
        setImmediate(() => res.destroy())
      },
    ],
  ])('is sent once more in a new one when it is told so with %s', async (_how, refusal) => {
    const { call } = await session(path, capabilities)
    await call(tool, { n: 1 })
    known = new Set()
    refuse = refusal
    const { message, status } = await call(tool, { n: 2 })
    expect(status).toBe(200)
    expect(message.result?.content?.[0]?.text, JSON.stringify(message)).toBe('2')
    expect(ran).toEqual([1, 2])
  })

  it('is not sent again to a server that was changed meanwhile', async () => {
    const { call } = await session(path, capabilities)
    await call(tool, { n: 1 })
    known = new Set()
    refuse = (request, res) =>
      void gateway
        .govern('PATCH', '/servers/odd', { permit: 'none' })
        .then(() => notFound(request, res))
    const { message } = await call(tool, { n: 2 })
    await gateway.govern('PATCH', '/servers/odd', { permit: 'all' })
    expect(message.error?.message ?? '', JSON.stringify(message)).toMatch(/was changed/)
    expect(ran).toEqual([1])
  })

  it('is sent no third time', async () => {
    const { call } = await session(path, capabilities)
    await call(tool, { n: 1 })
    const sent = () => odd.seen.filter(({ body }) => body?.method === 'tools/call').length
    const before = sent()
    known = { has: () => false, add: () => known } as unknown as Set<string>
    const { status, message } = await call(tool, { n: 2 })
    known = new Set()
    expect(sent() - before).toBe(2)
    expect(status).toBe(200)
    expect(message.error).toBeDefined()
    expect(ran).toEqual([1])
  })

  it('runs once each, when fifty are under way', async () => {
    const { call } = await session(path, capabilities)
    await call(tool, { n: 0 })
    known = new Set()
    const numbers = Array.from({ length: 50 }, (_x, i) => i + 1)
    const texts = await Promise.all(
      numbers.map(async (n) => (await call(tool, { n })).message.result?.content?.[0]?.text),
    )
    expect(texts).toEqual(numbers.map(String))
    expect(ran.toSorted((a, b) => Number(a) - Number(b))).toEqual([0, ...numbers])
  })
})

describe('an error of a server inside HTTP 404', () => {
  it.each([
    ['streamed', '/s/odd/mcp', {}, 'add'],
    ['parsed', '/mcp', { sampling: {} }, 'odd__add'],
  ])(
    'does not end the session of the client, and carries its id, %s',
    async (_, path, caps, tool) => {
      const { call } = await session(path, caps)
      await call(tool, { n: 1 })
      const { status, message } = await call(tool, { n: -1 })
      expect(status).toBe(200)
      expect(message).toMatchObject({ id: 1, error: expect.anything() })
    },
  )

  it('is not taken for a lost session where there is none', async () => {
    const { calls } = await callOf('plain', (request, res) =>
      json(res, 404, rpcError(request, -32601, 'no')),
    )
    expect(calls).toBe(1)
  })
})

describe('an error body that breaks off', () => {
  it('is the end of the connection, not a fault of ours', async () => {
    const { message } = await callOf('cut', (_request, res) => {
      res.writeHead(404, { 'content-type': 'application/json', 'content-length': 100 })
      res.write('{"jsonrpc"')
      setImmediate(() => res.destroy())
    })
    expect(message.error).toMatchObject({ code: -31000, data: { code: 'server_closed' } })
  })
})

/** One call to a server that knows no sessions and answers calls like this. */
async function callOf(name: string, answer: Behaviour) {
  const tools = [{ name: 'add', inputSchema: { type: 'object' } }]
  const server = await startOdd(
    sessionEra((request, res) => {
      if (request.body?.method === 'tools/list') json(res, 200, result(request, { tools }))
      else answer(request, res)
    }, ''),
  )
  try {
    await gateway.addServer(name, server.url)
    const { call } = await session(`/s/${name}/mcp`, {})
    const { message } = await call('add', { n: 1 })
    const calls = server.seen.filter(({ body }) => body?.method === 'tools/call').length
    return { message, calls }
  } finally {
    await server.close()
  }
}
