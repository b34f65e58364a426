import { expect, test } from 'vitest'
import {
  callOf,
  linkRig,
  nobody,
  serverOf,
  signalled,
  toolCall,
} from '../../../test/fixtures/link-rig.ts'
import { startProgram } from '../../../test/fixtures/program.ts'
import { type Behaviour, event, startOdd, stream } from '../../../test/fixtures/servers/odd-http.ts'
import { manualClock } from '../../kernel/manual-clock.ts'
import { Secret } from '../../kernel/secret.ts'

const rig = linkRig()

/** A legacy server: the stream is kept, and posts are answered on it. */
async function legacy(
  answer: (body: { id?: unknown; method?: string }) => object | null,
  endpoint = '/message?sessionId=1',
) {
  const open: Parameters<Behaviour>[1][] = []
  const behave: Behaviour = (request, res) => {
    if (request.method === 'GET') {
      stream(res).write(`event: endpoint\ndata: ${endpoint}\n\n`)
      open.push(res)
      return
    }
    res.writeHead(202).end('Accepted')
    const { id, method } = request.body ?? {}
    const hello = {
      protocolVersion: '2024-11-05',
      capabilities: { tools: {} },
      serverInfo: { name: 'old', version: '1' },
    }
    const result = method === 'initialize' ? hello : answer(request.body ?? {})
    if (result && id !== undefined) open.at(-1)?.write(event({ jsonrpc: '2.0', id, result }))
  }
  const server = rig.uses(await startOdd(behave))
  return {
    server,
    open,
    spec: { kind: 'sse' as const, url: server.url.replace('/mcp', '/sse') },
  }
}

test('the reference server in its SSE mode is reached, and its tools run', async () => {
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const program = await startProgram(
    'node_modules/@modelcontextprotocol/server-everything/dist/index.js',
    ['sse'],
    { env: { PORT: String(port) }, pattern: /running on port (\d+)/ },
  )
  try {
    const link = await rig.open({ kind: 'sse', url: `http://127.0.0.1:${port}/sse` })
    expect(link.hello).toMatchObject({
      era: 'session',
      serverInfo: { name: 'mcp-servers/everything' },
    })
    expect(JSON.stringify(await link.request(toolCall('echo', { message: 'hi' })))).toContain(
      'Echo: hi',
    )
    await link.close()
  } finally {
    await program.stop()
  }
})

test('messages go to the endpoint that the stream names, with the credential of the gateway', async () => {
  const { server, spec } = await legacy(() => ({ tools: [] }))
  const secret = { headers: { 'X-Key': new Secret('k-1') } }
  const link = rig.uses(await rig.opener().open(serverOf(spec), secret, nobody))
  expect(await link.request(callOf('tools/list'))).toEqual({ result: { tools: [] } })
  expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /sse',
    'POST /message?sessionId=1',
    'POST /message?sessionId=1',
    'POST /message?sessionId=1',
  ])
  expect(server.seen.every(({ headers }) => headers['x-key'] === 'k-1')).toBe(true)
})

for (const endpoint of ['https://evil.example/steal', '//evil.example/x', 'http://127.0.0.1:1/x']) {
  test(`an endpoint on another origin (${endpoint}) is refused before anything is sent there`, async () => {
    const { server, spec } = await legacy(() => null, endpoint)
    await expect(rig.open(spec)).rejects.toMatchObject({
      code: 'server_garbage',
      message: expect.stringContaining('not on its own origin'),
    })
    expect(server.seen).toHaveLength(1)
  })
}

test('the end of the stream closes the link and fails the calls that wait', async () => {
  const arrived = signalled()
  const { open, spec } = await legacy(() => {
    arrived.settle()
    return null
  })
  const link = await rig.open(spec)
  const call = link.request(toolCall('x'))
  const outcome = expect(call).rejects.toMatchObject({ code: 'server_closed' })
  // The first message without an answer is notifications/initialized; the call comes after it.
  await arrived.promise
  open[0]?.end()
  await outcome
  expect(link.closed).toMatchObject({ code: 'server_closed' })
})

test('a stream that never names an endpoint is given up after the deadline', async () => {
  const clock = manualClock()
  const connected = signalled()
  const server = rig.uses(
    await startOdd((_request, res) => {
      stream(res).write(': hello\n\n', () => connected.settle())
    }),
  )
  const opening = rig.opener({ clock }).open(serverOf({ kind: 'sse', url: server.url }), {}, nobody)
  const outcome = expect(opening).rejects.toMatchObject({ code: 'server_timeout' })
  await connected.promise
  clock.advance(15_000)
  await outcome
})

test('a page that is no stream is garbage, and a refusal is one of our credential', async () => {
  const server = rig.uses(
    await startOdd((_request, res) =>
      res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'),
    ),
  )
  const spec = { kind: 'sse' as const, url: server.url }
  await expect(rig.open(spec)).rejects.toMatchObject({ code: 'server_garbage' })
  server.behave((_request, res) => res.writeHead(401).end())
  await expect(rig.open(spec)).rejects.toMatchObject({ code: 'server_refused' })
})

test('a message that the server does not take fails its call at once', async () => {
  const { server, spec } = await legacy(() => ({}))
  const link = await rig.open(spec)
  server.behave((_request, res) => res.writeHead(500).end('boom'))
  await expect(link.request(toolCall('x'))).rejects.toMatchObject({
    code: 'server_garbage',
    message: expect.stringContaining('boom'),
  })
})
