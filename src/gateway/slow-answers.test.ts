// Servers that say nothing for longer than a proxy waits: the answer is begun as an event stream, and ends as one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../../test/fixtures/gateway.ts'
import { openSession, rpc } from '../../test/fixtures/raw-client.ts'
import {
  type Behaviour,
  event,
  json,
  type OddServer,
  result,
  rpcError,
  sessionEra,
  startOdd,
  stream,
} from '../../test/fixtures/servers/odd-http.ts'

let gateway: Gateway
let odd: OddServer
let key: Record<string, string>
/** How each tool answers, once the gateway has begun an answer of its own. */
const late = new Map<string, () => void>()

const answers: Record<string, Behaviour> = {
  json: (request, res) => {
    const text = JSON.stringify(
      result(request, { content: [{ type: 'text', text: 'über' }] }),
      null,
      2,
    )
    res.writeHead(200, { 'content-type': 'application/json' }).end(text)
  },
  events: (request, res) => {
    stream(res).end(event(result(request, { content: [{ type: 'text', text: 'über' }] })))
  },
  refusal: (request, res) => json(res, 404, { ...rpcError(request, -32002, 'no such'), id: null }),
  html: (_request, res) => res.writeHead(500, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'),
  end: (_request, res) => res.destroy(),
}

beforeAll(async () => {
  const tools = Object.keys(answers).map((name) => ({ name, inputSchema: { type: 'object' } }))
  odd = await startOdd(
    sessionEra((request, res) => {
      if (request.body?.method !== 'tools/call') return json(res, 200, result(request, { tools }))
      const name = String(request.body.params?.name)
      late.set(name, () => answers[name]!(request, res))
      return undefined
    }, ''),
  )
  gateway = await startGatewayHere()
  await gateway.addServer('odd', odd.url, 'all')
  key = { 'x-api-key': (await gateway.createKey()).key }
})
afterAll(async () => {
  await gateway?.close()
  await odd?.close()
})

/** The messages of a whole answer that was begun before the server said anything. */
async function begunBefore(name: string) {
  const session = await openSession(`${gateway.url}/s/odd/mcp`, key)
  const reply = await fetch(`${gateway.url}/s/odd/mcp`, {
    method: 'POST',
    headers: {
      ...session.headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(rpc('tools/call', { name, arguments: {} })),
  })
  expect(reply.headers.get('content-type')).toContain('text/event-stream')
  late.get(name)!()
  const text = await reply.text()
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!))
}

describe('an answer that was begun by silence', () => {
  it.concurrent.each(['json', 'events'])('is the result as an event: %s', async (name) => {
    const messages = await begunBefore(name)
    expect(messages).toMatchObject([{ result: { content: [{ text: 'über' }] } }])
  })

  it.concurrent.each(['refusal', 'html', 'end'])('is an error as an event: %s', async (name) => {
    const messages = await begunBefore(name)
    expect(messages).toMatchObject([{ id: expect.anything(), error: { code: expect.any(Number) } }])
  })
})
