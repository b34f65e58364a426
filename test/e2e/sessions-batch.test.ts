// JSON-RPC batches: taken in sessions of 2025-03-26, whose revision demands it, and refused everywhere else before any effect.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { signalled } from '../fixtures/link-rig.ts'
import { callOf, type Message, post, rpc } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

let everything: Everything
let gateway: Gateway
let key: Record<string, string>

beforeAll(async () => {
  everything = await startEverything({ eras: 'session' })
  gateway = await startGatewayHere({ demo: true })
  await gateway.addServer('everything', everything.url)
  key = { 'x-api-key': (await gateway.createKey()).key }
})
afterAll(async () => {
  await gateway?.close()
  await everything?.close()
})

const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'x' } }

async function session(protocolVersion = '2025-03-26', path = '/mcp', capabilities = {}) {
  const url = `${gateway.url}${path}`
  const clientInfo = { name: 'raw', version: '1' }
  const hello = await post(
    url,
    rpc('initialize', { protocolVersion, capabilities, clientInfo }),
    key,
  )
  const headers = { ...key, 'mcp-session-id': hello.headers.get('mcp-session-id')! }
  return {
    headers,
    url,
    send: (body: unknown, more: Record<string, string> = {}) =>
      post(url, JSON.stringify(body), { ...headers, ...more }),
  }
}
const echo = (id: number | string, message: string) => callOf('everything__echo', { message }, id)
const sent = () => everything.seen.filter(({ method }) => method === 'POST').length

describe('a batch in a session of 2025-03-26', () => {
  it('is answered as an array, each message as if it had come alone, ids as they were sent', async () => {
    const { send } = await session()
    const before = await workload()
    const { status, text, headers } = await send([
      echo(1, 'one'),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      echo('two', 'two'),
      rpc('ping', {}, 3),
      rpc('tools/list', {}, 4),
      rpc('no/such', {}, 5),
      callOf('nobody__knows', {}, 6),
      callOf('everything__test_error_handling', {}, 7),
    ])
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/json')
    const answers = new Map((JSON.parse(text) as Message[]).map((message) => [message.id, message]))
    expect(new Set(answers.keys())).toEqual(new Set([1, 3, 4, 5, 6, 7, 'two']))
    expect(answers.get(1)?.result?.content?.[0]?.text).toBe('one')
    expect(answers.get('two')?.result?.content?.[0]?.text).toBe('two')
    expect(answers.get(3)?.result).toEqual({})
    expect(answers.get(4)?.result?.tools).toBeInstanceOf(Array)
    expect(answers.get(5)?.error).toMatchObject({ code: -32601 })
    expect(answers.get(6)?.error).toMatchObject({ code: -32602 })
    expect(answers.get(7)?.result).toMatchObject({ isError: true })
    const rows = (await workload()).filter(({ id }) => !before.some((old) => old.id === id))
    const phases = (phase: string) => rows.filter((row) => row.phase === phase).length
    expect([phases('intent'), phases('outcome')]).toEqual([3, 3])
  })

  it('becomes a stream when a call has something to say before its answer', async () => {
    const { send } = await session()
    const slow = callOf('everything__test_tool_with_progress', {}, 1)
    const { headers, text } = await send([
      { ...slow, params: { ...slow.params, _meta: { progressToken: 'mine' } } },
      echo(2, 'two'),
    ])
    expect(headers.get('content-type')).toBe('text/event-stream')
    const messages = [...text.matchAll(/^data: (.+)$/gm)].map(([, json]) => JSON.parse(json!))
    expect(messages.filter(({ id }) => id === 1 || id === 2)).toHaveLength(2)
    const progress = messages.filter(({ method }) => method === 'notifications/progress')
    expect(progress.length).toBeGreaterThan(0)
    for (const { params } of progress) expect(params.progressToken).toBe('mine')
  })

  it('can hold the question of a server, which the client answers as ever', async () => {
    const { url, headers } = await session('2025-03-26', '/mcp', { sampling: {} })
    const asked = signalled<{ id: string }>()
    const reply = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify([
        callOf('everything__test_sampling', { prompt: 'Hi' }, 1),
        echo(2, 'two'),
      ]),
    })
    let text = ''
    const read = (async () => {
      for await (const chunk of reply.body!) {
        text += Buffer.from(chunk).toString()
        const json = /^data: (.*"sampling\/createMessage".*)$/m.exec(text)?.[1]
        if (json) asked.settle(JSON.parse(json) as { id: string })
      }
    })()
    const { id } = await asked.promise
    const content = { type: 'text', text: 'sampled' }
    const result = { role: 'assistant', model: 'm', content }
    expect(
      (await post(url, JSON.stringify([{ jsonrpc: '2.0', id, result }]), headers)).status,
    ).toBe(202)
    await read
    expect(text).toContain('sampled')
    expect(text).toContain('two')
  })

  it('of notifications and answers only is accepted with 202 and no body', async () => {
    const { send } = await session()
    const { status, text } = await send([cancelled, { jsonrpc: '2.0', id: 'q', result: {} }])
    expect([status, text]).toEqual([202, ''])
  })

  it.each<[string, unknown]>([
    ['nothing', []],
    ['101 messages', Array.from({ length: 101 }, (_x, i) => echo(i, 'x'))],
    ['initialize', [echo(1, 'x'), rpc('initialize', { protocolVersion: '2025-03-26' }, 2)]],
    ['the same id twice', [echo(1, 'x'), echo(1, 'y')]],
    ['a batch', [echo(1, 'x'), [echo(2, 'y')]]],
    ['what is no message', [echo(1, 'x'), 5]],
    ['another version of JSON-RPC', [echo(1, 'x'), { ...echo(2, 'y'), jsonrpc: '1.0' }]],
  ])('is refused as a whole when it holds %s, before any effect', async (_, body) => {
    const { send } = await session()
    const before = sent()
    const { status, message } = await send(body)
    expect([400, 413]).toContain(status)
    expect(message.error?.message).toBeTruthy()
    expect(sent()).toBe(before)
  })
})

describe('a batch anywhere else', () => {
  it.each(['2025-11-25', '2025-06-18', '2024-11-05'])(
    'is refused in a session of %s, and the refusal says so',
    async (version) => {
      const { send } = await session(version)
      for (const headers of [
        {},
        { 'mcp-protocol-version': version },
        { 'mcp-protocol-version': '2025-03-26' },
      ]) {
        const before = sent()
        const { status, message } = await send([echo(1, 'x')], headers)
        expect(status).toBe(400)
        expect(message.error).toMatchObject({
          code: -32600,
          message: expect.stringMatching(/batch/),
        })
        expect(sent()).toBe(before)
      }
    },
  )

  it('is refused without a session, in the stateless era, and in the session of somebody else', async () => {
    const url = `${gateway.url}/mcp`
    for (const headers of [
      {},
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' },
    ]) {
      const { status, message } = await post(url, [echo(1, 'x')], { ...key, ...headers })
      expect(status).toBe(400)
      expect(message.error?.message).toMatch(/batch/)
    }
    const { headers } = await session()
    const { key: other } = await gateway.createKey()
    expect((await post(url, [echo(1, 'x')], { ...headers, 'x-api-key': other })).status).toBe(404)
    expect((await post(url, [echo(1, 'x')])).status).toBe(401)
  })
})

async function workload() {
  const { events } = await gateway.govern<{ events: { id: string; phase: string }[] }>(
    'GET',
    '/logs/workload?limit=200',
  )
  return events
}
