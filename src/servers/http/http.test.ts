import { expect, test } from 'vitest'
import { callOf, linkRig, nobody, serverOf, toolCall } from '../../../test/fixtures/link-rig.ts'
import { startEverything } from '../../../test/fixtures/servers/everything.ts'
import {
  json,
  type OddRequest,
  result,
  rpcError,
  sessionEra,
  startOdd,
  statelessEra,
} from '../../../test/fixtures/servers/odd-http.ts'
import { Secret } from '../../kernel/secret.ts'

const rig = linkRig()

const odd = async (behaviour: Parameters<typeof startOdd>[0]) => {
  const server = rig.uses(await startOdd(behaviour))
  return { ...server, spec: { kind: 'http' as const, url: server.url } }
}

const ok = (request: OddRequest) => result(request, { content: [{ type: 'text', text: 'ok' }] })

for (const [eras, era] of [
  ['both', 'stateless'],
  ['stateless', 'stateless'],
  ['session', 'session'],
] as const) {
  test(`a server of the eras "${eras}" is spoken to in the ${era} era, and its tools run`, async () => {
    const server = rig.uses(await startEverything({ eras }))
    const link = await rig.open({ kind: 'http', url: server.url })
    expect(link.hello).toMatchObject({ era, serverInfo: { name: 'everything' } })
    const list = await link.request(callOf('tools/list'))
    expect(list.result?.tools).toBeInstanceOf(Array)
    const reply = await link.request(toolCall('echo', { message: 'héllo 😀' }))
    expect(JSON.stringify(reply.result)).toContain('héllo 😀')
  })
}

test('the verdict on the era is remembered: the next link does not ask again', async () => {
  const opener = rig.opener()
  const server = await odd(sessionEra((request, res) => json(res, 200, ok(request))))
  await rig.open(server.spec, { opener })
  await rig.open(server.spec, { opener })
  expect(server.seen.filter(({ body }) => body?.method === 'server/discover')).toHaveLength(1)
  expect(server.seen.filter(({ body }) => body?.method === 'initialize')).toHaveLength(2)
})

test('a remembered verdict that no longer holds is forgotten, and the next link asks again', async () => {
  const opener = rig.opener()
  const server = await odd(sessionEra((request, res) => json(res, 200, ok(request))))
  await rig.open(server.spec, { opener })
  server.behave((request, res) => json(res, 400, rpcError(request, -32022, 'no')))
  await expect(rig.open(server.spec, { opener })).rejects.toThrow('refused initialize')
  server.behave(statelessEra((request, res) => json(res, 200, ok(request))))
  expect((await rig.open(server.spec, { opener })).hello.era).toBe('stateless')
})

test('a modern refusal never falls back to initialize', async () => {
  const server = await odd((request, res) =>
    json(res, 400, rpcError(request, -32022, 'no', { supported: ['2027-02-02'] })),
  )
  await expect(rig.open(server.spec)).rejects.toMatchObject({ code: 'server_garbage' })
  expect(server.seen.map(({ body }) => body?.method)).toEqual(['server/discover'])
})

for (const status of [401, 403]) {
  test(`HTTP ${status} is no evidence of an era but a refusal of the gateway's own credential`, async () => {
    const server = await odd((_request, res) => json(res, status, { error: 'invalid_token' }))
    await expect(rig.open(server.spec)).rejects.toMatchObject({
      code: 'server_refused',
      message: expect.stringContaining("gateway's own credential"),
    })
    expect(server.seen).toHaveLength(1)
  })
}

test('HTTP 502 with a page of HTML is garbage: status and first words are shown, and no era is tried', async () => {
  const server = await odd((_request, res) =>
    res.writeHead(502, { 'content-type': 'text/html' }).end('<html>\u001b[31mBad Gateway</html>'),
  )
  const error = await rig.open(server.spec).catch((e: Error) => e)
  expect(error).toMatchObject({ code: 'server_garbage' })
  expect(String(error)).toContain('502')
  expect(String(error)).toContain('Bad Gateway')
  expect(String(error)).not.toContain('\u001b')
  expect(server.seen).toHaveLength(1)
})

test('a page in HTML where MCP should be is garbage, not a server of the session era', async () => {
  const server = await odd((_request, res) =>
    res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'),
  )
  await expect(rig.open(server.spec)).rejects.toMatchObject({
    code: 'server_garbage',
    message: expect.stringContaining('text/html: <h1>Welcome</h1>'),
  })
})

test('a redirect is not followed, and the answer says where it leads', async () => {
  const server = await odd((_request, res) =>
    res.writeHead(307, { location: 'https://evil.example/' }).end(),
  )
  await expect(rig.open(server.spec)).rejects.toMatchObject({
    message: expect.stringContaining('https://evil.example/'),
  })
})

test('nothing listening and an unknown host are unreachable, with the reason', async () => {
  const gone = await startOdd(() => undefined)
  await gone.close()
  await expect(rig.open({ kind: 'http', url: gone.url })).rejects.toMatchObject({
    code: 'server_unreachable',
    message: expect.stringContaining('nothing listens there'),
  })
  await expect(
    rig.open({ kind: 'http', url: 'http://no-such-host.invalid/mcp' }),
  ).rejects.toMatchObject({
    code: 'server_unreachable',
  })
})

test('the metadata service of a cloud is never reached, loopback is', async () => {
  for (const url of ['http://169.254.169.254/mcp', 'http://[fd00:ec2::254]/mcp', 'ftp://x/'])
    await expect(rig.open({ kind: 'http', url })).rejects.toMatchObject({ code: 'blocked_address' })
})

test('a server that echoes the credential in its refusal does not bring it into the message', async () => {
  const server = await odd((request, res) =>
    res
      .writeHead(401, { 'content-type': 'text/plain' })
      .end(`bad: ${request.headers.authorization}`),
  )
  const secret = { headers: { Authorization: new Secret('Bearer canary-12345') } }
  const error = await rig
    .opener()
    .open(serverOf(server.spec), secret, nobody)
    .catch((e: Error) => e)
  expect(server.seen[0]?.headers.authorization).toBe('Bearer canary-12345')
  expect(String(error)).not.toContain('canary-12345')
})

test('the stateless envelope and its headers are built from the body', async () => {
  const server = await odd(statelessEra((request, res) => json(res, 200, ok(request))))
  const link = await rig.open(server.spec, { linkFor: { ...nobody, capabilities: { roots: {} } } })
  await link.request(toolCall('größe', { a: 1 }, { headers: { 'mcp-param-region': 'eu' } }))
  const { headers, body } = server.seen.at(-1)!
  expect(headers).toMatchObject({
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': `=?base64?${Buffer.from('größe').toString('base64')}?=`,
    'mcp-param-region': 'eu',
  })
  expect(body?.params?._meta).toMatchObject({
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': { roots: {} },
    'io.modelcontextprotocol/clientInfo': nobody.clientInfo,
  })
})

test('an error that the server answers is a reply, whatever its HTTP status', async () => {
  const server = await odd(
    statelessEra((request, res) => json(res, 404, rpcError(request, -32601, 'no such method'))),
  )
  const link = await rig.open(server.spec)
  expect(await link.request(callOf('x/y'))).toEqual({
    error: { code: -32601, message: 'no such method' },
  })
})

test('an error without an id is the answer to the one request that was sent', async () => {
  const server = await odd(
    statelessEra((_request, res) =>
      json(res, 400, { jsonrpc: '2.0', id: null, error: { code: -32020, message: 'mismatch' } }),
    ),
  )
  const link = await rig.open(server.spec)
  expect(await link.request(callOf('tools/list'))).toMatchObject({ error: { code: -32020 } })
})

test('an answer to another id is not taken for ours', async () => {
  const server = await odd(
    statelessEra((_request, res) => json(res, 200, { jsonrpc: '2.0', id: 999, result: {} })),
  )
  const link = await rig.open(server.spec)
  await expect(link.request(callOf('tools/list'))).rejects.toMatchObject({ code: 'server_garbage' })
})

test('fields that nobody knows come through untouched', async () => {
  const value = { content: [], later: { deep: [1, { x: null }] }, ttlMs: 5, __odd__: 'ü' }
  const server = await odd(statelessEra((request, res) => json(res, 200, result(request, value))))
  const link = await rig.open(server.spec)
  expect((await link.request(callOf('tools/list'))).result).toEqual(value)
})

test('fifty calls at once each get their own answer', async () => {
  const server = await odd(
    sessionEra((request, res) => json(res, 200, result(request, { for: request.body?.params?.n }))),
  )
  const link = await rig.open(server.spec)
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, n) => link.request(callOf('x', { n }))),
  )
  expect(replies.map(({ result }) => result?.for)).toEqual(Array.from({ length: 50 }, (_, n) => n))
})
