import { expect, test, vi } from 'vitest'
import {
  callOf,
  linkRig,
  nobody,
  serverOf,
  signalled,
  toolCall,
} from '../../../test/fixtures/link-rig.ts'
import { startEverything } from '../../../test/fixtures/servers/everything.ts'
import {
  event,
  json,
  type OddRequest,
  result,
  rpcError,
  sessionEra,
  startOdd,
  statelessEra,
  stream,
} from '../../../test/fixtures/servers/odd-http.ts'
import { manualClock } from '../../kernel/manual-clock.ts'
import { Secret } from '../../kernel/secret.ts'
import type { RpcNotification } from '../link.ts'

const rig = linkRig()

const odd = async (behaviour: Parameters<typeof startOdd>[0]) => {
  const server = rig.uses(await startOdd(behaviour))
  return { ...server, spec: { kind: 'http' as const, url: server.url } }
}

const ok = (request: OddRequest) => result(request, { content: [{ type: 'text', text: 'ok' }] })

test('news on the stream of a call reaches that call, with its own progress token', async () => {
  const server = await odd(
    sessionEra((request, res) => {
      const token = (request.body!.params!._meta as { progressToken: unknown }).progressToken
      expect(token).not.toBe('mine')
      stream(res)
      res.write(
        event({
          jsonrpc: '2.0',
          method: 'notifications/progress',
          params: { progressToken: token, progress: 1 },
        }),
      )
      res.end(event(ok(request)))
    }),
  )
  const link = await rig.open(server.spec)
  const news: RpcNotification[] = []
  await link.request(
    callOf(
      'tools/call',
      { name: 'x', _meta: { progressToken: 'mine' } },
      { onNotification: (n) => news.push(n) },
    ),
  )
  expect(news).toEqual([
    { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
  ])
})

test('a question on the stream of a call is put to that call, and its answer posted back', async () => {
  const server = rig.uses(await startEverything({ eras: 'session' }))
  const link = await rig.open(
    { kind: 'http', url: server.url },
    { linkFor: { ...nobody, capabilities: { sampling: {} } } },
  )
  const onQuestion = vi.fn(async () => ({
    result: { role: 'assistant', model: 'm', content: { type: 'text', text: 'forty-two' } },
  }))
  const reply = await link.request(toolCall('test_sampling', { prompt: 'What?' }, { onQuestion }))
  expect(onQuestion).toHaveBeenCalledWith(
    expect.objectContaining({ method: 'sampling/createMessage' }),
  )
  expect(JSON.stringify(reply)).toContain('forty-two')
})

test('a question that nobody can answer gets an error, so that the tool can end', async () => {
  const server = rig.uses(await startEverything({ eras: 'session' }))
  const link = await rig.open(
    { kind: 'http', url: server.url },
    { linkFor: { ...nobody, capabilities: { sampling: {} } } },
  )
  const reply = await link.request(toolCall('test_sampling', { prompt: 'What?' }))
  expect(JSON.stringify(reply)).toMatch(/-32601|cannot answer/)
})

test('a stream that ends early is asked for its rest, from the last event on', async () => {
  let asked: unknown
  const server = await odd((request, res) => {
    if (request.method === 'GET') {
      asked = request.headers['last-event-id']
      stream(res).end(event({ jsonrpc: '2.0', id: 1, result: { late: true } }, 'e2'))
      return
    }
    sessionEra((_request, answer) => {
      stream(answer).end('id: e1\nretry: 1\ndata: \n\n')
    })(request, res)
  })
  const link = await rig.open(server.spec)
  expect(await link.request(callOf('tools/call'))).toEqual({ result: { late: true } })
  expect(asked).toBe('e1')
})

test('a stream that ends early and cannot be resumed is a lost call', async () => {
  const server = await odd(sessionEra((_request, res) => stream(res).end(': bye\n\n')))
  const link = await rig.open(server.spec)
  await expect(link.request(callOf('tools/call'))).rejects.toMatchObject({ code: 'server_closed' })
})

test('a connection cut in the middle of an answer is a lost call', async () => {
  const server = await odd(
    statelessEra((_request, res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      res.write('{"jsonrpc":', () => res.destroy())
    }),
  )
  const link = await rig.open(server.spec)
  await expect(link.request(callOf('x'))).rejects.toMatchObject({ code: 'server_closed' })
})

test('silence ends with the deadline, and a session-era server is told', async () => {
  const clock = manualClock()
  const arrived = signalled()
  const cancelled = signalled<OddRequest>()
  const era = sessionEra(() => arrived.settle())
  const server = await odd((request, res) => {
    if (request.body?.method === 'notifications/cancelled') cancelled.settle(request)
    era(request, res)
  })
  const link = await rig.open(server.spec, { opener: rig.opener({ clock }) })
  const call = link.request(callOf('tools/call', {}, { deadline: 60_000 }))
  const outcome = expect(call).rejects.toMatchObject({
    code: 'server_timeout',
    message: expect.stringContaining('60 s'),
  })
  await arrived.promise
  clock.advance(60_000)
  await outcome
  const id = server.seen.find(({ body }) => body?.method === 'tools/call')?.body?.id
  expect((await cancelled.promise).body?.params).toMatchObject({ requestId: id })
})

test('in the stateless era the closed connection is the cancel', async () => {
  const arrived = signalled()
  const hungUp = signalled()
  const server = await odd(
    statelessEra((_request, res) => {
      res.on('close', () => hungUp.settle())
      arrived.settle()
    }),
  )
  const link = await rig.open(server.spec)
  const abort = new AbortController()
  const call = link.request(callOf('tools/call', {}, { signal: abort.signal }))
  const outcome = expect(call).rejects.toThrow('enough')
  await arrived.promise
  abort.abort(new Error('enough'))
  await outcome
  await hungUp.promise
  expect(server.seen.some(({ body }) => body?.method === 'notifications/cancelled')).toBe(false)
})

for (const [what, status, body] of [
  ['404', 404, 'Not Found'],
  [
    '400 that speaks of the session',
    400,
    JSON.stringify({
      jsonrpc: '2.0',
      id: null,
      error: { code: -32000, message: 'Bad Request: No valid session ID provided' },
    }),
  ],
] as const) {
  test(`a session that the server lost (${what}) closes the link, and the call runs once in a new one`, async () => {
    const opener = rig.opener()
    let ran = 0
    const behave = (lost: boolean) =>
      sessionEra(
        (request, res) => {
          if (lost) return res.writeHead(status, { 'content-type': 'application/json' }).end(body)
          ran++
          return json(res, 200, ok(request))
        },
        lost ? 'old' : 'new',
      )
    const server = await odd(behave(true))
    let reopened = 0
    const open = async (): ReturnType<typeof rig.open> =>
      opener.open(serverOf(server.spec), {}, nobody, {
        reopen: () => {
          reopened++
          server.behave(behave(false))
          return open()
        },
      })
    const link = await open()
    expect(await link.request(toolCall('x'))).toMatchObject({
      result: { content: [{ text: 'ok' }] },
    })
    expect(link.closed).toMatchObject({ code: 'server_closed' })
    expect([ran, reopened]).toEqual([1, 1])
  })
}

test('a server that loses every session is not asked for ever', async () => {
  const opener = rig.opener()
  const server = await odd(sessionEra((_request, res) => res.writeHead(404).end()))
  const open = async (): ReturnType<typeof rig.open> =>
    opener.open(serverOf(server.spec), {}, nobody, { reopen: () => open() })
  const link = await open()
  await expect(link.request(toolCall('x'))).rejects.toMatchObject({ code: 'server_closed' })
  expect(server.seen.filter(({ body }) => body?.method === 'tools/call')).toHaveLength(2)
})

test('a 404 without a session is an answer, not a lost session', async () => {
  const server = await odd(
    sessionEra((request, res) => json(res, 404, rpcError(request, -32601, 'what?')), ''),
  )
  const link = await rig.open(server.spec)
  expect(await link.request(callOf('x'))).toMatchObject({ error: { code: -32601 } })
  expect(link.closed).toBeNull()
})

test('closing a session deletes it', async () => {
  const server = rig.uses(await startEverything({ eras: 'session' }))
  const link = await rig.open({ kind: 'http', url: server.url })
  expect(server.sessions()).toBe(1)
  await link.close()
  expect(server.sessions()).toBe(0)
  await expect(link.request(callOf('tools/list'))).rejects.toMatchObject({ code: 'server_closed' })
})

for (const eras of ['session', 'stateless'] as const) {
  test(`changes of lists are heard in the ${eras} era`, async () => {
    const server = rig.uses(await startEverything({ eras }))
    const link = await rig.open({ kind: 'http', url: server.url })
    const heard = signalled<RpcNotification>()
    const listening = signalled()
    link.onNotification((notification) => heard.settle(notification))
    const waiting = setInterval(() => {
      const open = server.seen.some(
        ({ method, body }) =>
          method === 'GET' ||
          (body as { method?: string } | null)?.method === 'subscriptions/listen',
      )
      if (open) listening.settle()
    }, 5)
    await listening.promise
    clearInterval(waiting)
    const telling = setInterval(() => server.toolsChanged(), 10)
    expect(await heard.promise).toMatchObject({ method: 'notifications/tools/list_changed' })
    clearInterval(telling)
  })
}

test('a stateless server that announces no changes is not asked for them', async () => {
  const server = await odd(statelessEra((request, res) => json(res, 200, ok(request))))
  const link = await rig.open(server.spec)
  link.onNotification(() => undefined)
  await link.request(callOf('tools/list'))
  expect(server.seen.map(({ body }) => body?.method)).toEqual(['server/discover', 'tools/list'])
})

test('a lost stream of news is opened again after a pause, from the last event on', async () => {
  const clock = manualClock()
  const opened: (string | undefined)[] = []
  const again = signalled()
  const heard = signalled()
  const server = await odd((request, res) => {
    if (request.method !== 'GET') return sessionEra(() => undefined)(request, res)
    opened.push(request.headers['last-event-id'] as string | undefined)
    if (opened.length === 2) {
      stream(res)
      return again.settle()
    }
    const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }
    stream(res).end(event(changed, 'n1'))
  })
  const link = await rig.open(server.spec, { opener: rig.opener({ clock }) })
  link.onNotification(() => heard.settle())
  await heard.promise
  const ticking = setInterval(() => clock.advance(500), 5)
  await again.promise
  clearInterval(ticking)
  expect(opened).toEqual([undefined, 'n1'])
})

test('forwarding passes the bytes as they are, with our headers and without those of the connection', async () => {
  const body = '{"jsonrpc":"2.0", "id":"x",  "result":{}}'
  const server = await odd(
    sessionEra((_request, res) =>
      res
        .writeHead(200, {
          'content-type': 'application/json',
          'mcp-session-id': 'theirs',
          'set-cookie': 'a=b',
          'keep-alive': 'timeout=5',
          'x-other': '1',
        })
        .end(body),
    ),
  )
  const secret = { headers: { Authorization: new Secret('Bearer ours') } }
  const link = await rig.opener().open(serverOf(server.spec), secret, nobody)
  const sent = '{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{}}'
  const reply = await link.forward!({
    method: 'POST',
    body: Buffer.from(sent),
    headers: {
      accept: 'application/json, text/event-stream',
      authorization: 'Bearer of-the-client',
      cookie: 'session=1',
      'mcp-session-id': 'of-the-client',
      'mcp-protocol-version': '2025-11-25',
      'x-forwarded-for': '1.2.3.4',
    },
    signal: new AbortController().signal,
    deadline: 5000,
  })
  const chunks: Buffer[] = []
  for await (const chunk of reply.body) chunks.push(chunk as Buffer)
  expect(Buffer.concat(chunks).toString()).toBe(body)
  expect(reply.status).toBe(200)
  expect(reply.headers).toMatchObject({ 'content-type': 'application/json', 'x-other': '1' })
  for (const name of ['mcp-session-id', 'set-cookie', 'keep-alive', 'connection'])
    expect(reply.headers).not.toHaveProperty(name)
  const { headers, body: got } = server.seen.at(-1)!
  expect(got).toEqual(JSON.parse(sent))
  expect(headers).toMatchObject({
    authorization: 'Bearer ours',
    'mcp-session-id': 's-1',
    'mcp-protocol-version': '2025-06-18',
  })
  expect(JSON.stringify(headers)).not.toMatch(/of-the-client|1\.2\.3\.4|session=1/)
})

test('a forwarded call to a lost session closes the link, and the caller sees the 404', async () => {
  const server = await odd(sessionEra((_request, res) => res.writeHead(404).end()))
  const link = await rig.open(server.spec)
  const signal = new AbortController().signal
  const reply = await link.forward!({
    method: 'POST',
    body: Buffer.from('{}'),
    headers: {},
    signal,
    deadline: 5000,
  })
  reply.body.resume()
  expect(reply.status).toBe(404)
  expect(link.closed).toMatchObject({ code: 'server_closed' })
})

test('headers that do not come within the deadline of a forwarded call are a timeout', async () => {
  const server = await odd(statelessEra(() => undefined))
  const link = await rig.open(server.spec)
  const signal = new AbortController().signal
  await expect(
    link.forward!({ method: 'POST', body: Buffer.from('{}'), headers: {}, signal, deadline: 50 }),
  ).rejects.toMatchObject({ code: 'server_timeout' })
})
