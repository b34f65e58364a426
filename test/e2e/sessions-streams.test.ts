// What comes from the server's side in the session era, seen from outside on both stores: questions inside a call, the
// standing stream, and a stream that is resumed.
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { callOf, openSession, post, rpc } from '../fixtures/raw-client.ts'
import { openRawStream } from '../fixtures/raw-stream.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'
import {
  event,
  json,
  type OddRequest,
  type OddServer,
  result,
  sessionEra,
  startOdd,
  stream,
} from '../fixtures/servers/odd-http.ts'
import { dialects } from '../fixtures/stores.ts'

const CAPABILITIES = { sampling: {}, elicitation: {}, roots: {} }

/** Calls of `ask` put the question of their arguments to the client, and answer with what it said. */
async function startAsking(): Promise<OddServer> {
  const waiting = new Map<string, (reply: object) => void>()
  let next = 1
  const key = ({ headers }: OddRequest, id: unknown) => `${headers['mcp-session-id']} ${id}`
  const asking = (request: OddRequest, res: ServerResponse) => {
    const { body } = request
    const tools = [{ name: 'ask', inputSchema: { type: 'object' } }]
    if (body?.method === 'tools/list') return json(res, 200, result(request, { tools }))
    if (body?.method !== 'tools/call') {
      waiting.get(key(request, body?.id))?.(body ?? {})
      return res.writeHead(202).end()
    }
    const id = 'question'
    waiting.set(key(request, id), (reply) => {
      const said = [{ type: 'text', text: JSON.stringify(reply) }]
      res.end(event(result(request, { content: said })))
    })
    return stream(res).write(event({ jsonrpc: '2.0', id, ...(body.params?.arguments as object) }))
  }
  return startOdd((request, res) => sessionEra(asking, `s-${next++}`)(request, res))
}

let everything: Everything
let odd: OddServer
beforeAll(async () => {
  everything = await startEverything({ eras: 'session' })
  odd = await startAsking()
})
afterAll(async () => {
  await everything?.close()
  await odd?.close()
})

describe.each(dialects)('on %s', (dialect) => {
  const databases = databasesOn(process.env.MOORING_TEST_POSTGRES_URL ?? '')
  let gateway: Gateway
  let ada: Record<string, string>
  let bob: Record<string, string>

  beforeAll(async () => {
    const env = dialect === 'postgres' ? { MOORING_DB: await databases.take() } : {}
    gateway = await startGatewayHere({ env })
    await gateway.addServer('everything', everything.url)
    await gateway.addServer('odd', odd.url)
    await gateway.addUser('bob')
    ada = { 'x-api-key': (await gateway.createKey()).key }
    bob = { 'x-api-key': (await gateway.createKey({ userLogin: 'bob' })).key }
  })
  afterAll(async () => {
    await gateway?.close()
    await databases.dropAll()
  })

  describe.each([
    ['streamed', '/s/odd/mcp', 'ask'],
    ['parsed', '/mcp', 'odd__ask'],
  ])('a question of a server inside a call, %s', (_, path, tool) => {
    it.each([
      ['elicitation/create', { message: 'Who?', requestedSchema: { type: 'object' } }],
      ['sampling/createMessage', { messages: [], maxTokens: 5 }],
      ['roots/list', {}],
    ])('%s reaches the client, and its answer the server', async (method, params) => {
      const url = `${gateway.url}${path}`
      const session = await openSession(url, ada, CAPABILITIES)
      const call = await openRawStream(url, session.headers, callOf(tool, { method, params }))
      const question = await call.next((message) => message.method === method)
      expect(question.params ?? {}).toEqual(params)
      // Bob's answer to the same id is not taken for it.
      const bobs = await openSession(url, bob, CAPABILITIES)
      const answer = (from: string) => ({ jsonrpc: '2.0', id: question.id, result: { from } })
      expect((await post(url, answer('bob'), bobs.headers)).status).toBe(202)
      expect((await post(url, answer('bob'), { ...session.headers, ...bob })).status).toBe(404)
      expect((await post(url, answer('ada'), session.headers)).status).toBe(202)
      const reply = await call.next((message) => message.result !== undefined)
      const said = JSON.parse(reply.result!.content![0]!.text!) as object
      expect(said).toMatchObject({ result: { from: 'ada' } })
      await call.ended
    })
  })

  it('a ping of a server is answered, by the gateway where it reads the stream', async () => {
    const session = await openSession(`${gateway.url}/mcp`, ada, CAPABILITIES)
    const { message } = await session.call('odd__ask', { method: 'ping' })
    expect(JSON.parse(message.result!.content![0]!.text!)).toMatchObject({ result: {} })
  })

  it('a client that has not declared it is not asked', async () => {
    const session = await openSession(`${gateway.url}/mcp`, ada, { roots: {} })
    const { message, text } = await session.call('odd__ask', { method: 'sampling/createMessage' })
    expect(text).not.toContain('"method"')
    expect(message.result?.content?.[0]?.text).toContain('-32601')
  })

  describe('the standing stream', () => {
    it('tells of changes, and no message goes out on two of them', async () => {
      const url = `${gateway.url}/mcp`
      const session = await openSession(url, ada)
      const first = await openRawStream(url, session.headers)
      const second = await openRawStream(url, session.headers)
      await first.ended
      const bobs = await openRawStream(url, (await openSession(url, bob)).headers)
      await gateway.addServer('another', everything.url)
      const changed = (message: { method?: string }) =>
        message.method === 'notifications/tools/list_changed'
      await Promise.all([second.next(changed), bobs.next(changed)])
      expect(first.messages).toEqual([])
      await Promise.all([second.leave(), bobs.leave()])
    })
  })

  describe('a stream that was cut', () => {
    it('goes on from the last event, for its own session only', async () => {
      const url = `${gateway.url}/s/everything/mcp`
      const session = await openSession(url, ada)
      const cut = await openRawStream(
        url,
        session.headers,
        callOf('test_reconnection', {}, 'again'),
      )
      await cut.ended
      expect(cut.messages.filter(({ id }) => id === 'again')).toEqual([])
      const last = cut.eventIds.at(-1)!
      expect(new Set(cut.eventIds).size).toBe(cut.eventIds.length)

      const bobs = await openSession(url, bob)
      await bobs.call('echo', { message: 'x' })
      const theirs = await openRawStream(url, { ...bobs.headers, 'last-event-id': last })
      const stolen = await openRawStream(url, {
        ...session.headers,
        ...bob,
        'last-event-id': last,
      })
      expect(stolen.status).toBe(404)

      const resumed = await openRawStream(url, { ...session.headers, 'last-event-id': last })
      const reply = await resumed.next(({ id }) => id === 'again')
      expect(reply.result).toBeDefined()
      expect(theirs.messages).toEqual([])
      await Promise.all([theirs.leave(), resumed.leave()])
    })
  })

  it('a session is good for its stream as well after others have ended', async () => {
    const url = `${gateway.url}/mcp`
    const [kept, gone] = [await openSession(url, ada), await openSession(url, ada)]
    const [keptStream, goneStream] = await Promise.all(
      [kept, gone].map(({ headers }) => openRawStream(url, headers)),
    )
    expect((await fetch(url, { method: 'DELETE', headers: gone.headers })).status).toBe(204)
    await goneStream!.ended
    expect((await post(url, rpc('ping'), gone.headers)).status).toBe(404)
    expect((await post(url, rpc('ping'), kept.headers)).status).toBe(200)
    await keptStream!.leave()
  })
})
