// A client that goes away in the middle of a call: the call is cancelled or runs on as its era says, and is on the record.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { connectionsAt, headOf, peersOf, posted } from '../fixtures/pressure.ts'
import { openSession, rpc } from '../fixtures/raw-client.ts'

const STREAMS_PER_USER = 4

let gateway: Gateway
let credential: Record<string, string>
beforeAll(async () => {
  const env = { MOORING_LIMITS_STREAMS_PER_USER: String(STREAMS_PER_USER) }
  gateway = await startGatewayHere({ demo: true, env })
  credential = { 'x-api-key': (await gateway.createKey()).key }
})
afterAll(() => gateway?.close())

const rows = async (phase: string, era?: string) => {
  const { events } = await gateway.govern<{ events: Record<string, unknown>[] }>(
    'GET',
    '/logs/workload?limit=20',
  )
  return events.filter((row) => row.phase === phase && (!era || row.era === era))
}

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const WAIT = { name: 'demo__wait', arguments: { seconds: 1 } }

describe('a client that vanishes in mid-call', () => {
  it.each([
    ['stateless', 'cancelled'],
    ['session', 'ok'],
  ])('leaves an outcome in the %s era: %s', async (era, outcome) => {
    const url = `${gateway.url}/mcp`
    const headers =
      era === 'session'
        ? (await openSession(url, credential)).headers
        : {
            ...credential,
            'mcp-protocol-version': '2026-07-28',
            'mcp-method': 'tools/call',
            'mcp-name': WAIT.name,
          }
    const gone = new AbortController()
    const call = fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(rpc('tools/call', era === 'session' ? WAIT : { ...WAIT, _meta: META })),
      signal: gone.signal,
    }).then((reply) => reply.text())
    const intent = await vi.waitFor(async () => {
      const [found] = await rows('intent', era)
      expect(found).toBeDefined()
      return found!
    })
    gone.abort()
    await expect(call).rejects.toThrow()
    await vi.waitFor(
      async () => {
        const own = (await rows('outcome')).filter((row) => row.callId === intent.callId)
        expect(own.map((row) => row.outcome)).toEqual([outcome])
      },
      { timeout: 5000 },
    )
  })

  it.each([
    ['stateless', 'cancelled'],
    ['session', 'ok'],
  ])(
    'and had read a part of the answer leaves an outcome in the %s era: %s',
    async (era, outcome) => {
      const headers =
        era === 'session'
          ? (await openSession(`${gateway.url}/mcp`, credential)).headers
          : posted('', 'tools/call', WAIT).headers!
      // Its second report of progress comes before its end.
      const longer = { ...WAIT, arguments: { seconds: 4 } }
      const params = {
        ...longer,
        _meta: { ...(era === 'session' ? {} : META), progressToken: 'p' },
      }
      const gone = new AbortController()
      const reply = await fetch(`${gateway.url}/mcp`, {
        method: 'POST',
        headers: { ...posted('', 'x').headers!, ...headers, ...credential },
        body: JSON.stringify(rpc('tools/call', params)),
        signal: gone.signal,
      })
      const { value } = await reply.body!.getReader().read()
      expect(Buffer.from(value!).toString()).toContain('notifications/progress')
      const [intent] = await rows('intent', era)
      gone.abort()
      await vi.waitFor(
        async () => {
          const own = (await rows('outcome')).filter((row) => row.callId === intent!.callId)
          expect(own.map((row) => row.outcome)).toEqual([outcome])
        },
        { timeout: 5000 },
      )
    },
  )

  it.each([
    ['headers', (head: string) => head.slice(0, -10)],
    ['body', (head: string, body: string) => `${head}\r\n${body.slice(0, -10)}`],
  ])('while it sends its %s leaves nothing', async (_, part) => {
    const before = (await rows('intent')).length
    const { headers, body } = posted(credential['x-api-key']!, 'tools/call', WAIT)
    const head = headOf(gateway.url, { ...headers, 'content-length': body!.length })
    const peers = await peersOf(gateway.url, 20)
    expect(connectionsAt(gateway.url)).toBeGreaterThanOrEqual(20)
    for (const { socket } of peers) socket.write(part(head, body!), () => socket.resetAndDestroy())
    await vi.waitFor(() => expect(connectionsAt(gateway.url)).toBeLessThan(20), 5000)
    expect((await rows('intent')).length).toBe(before)
  })

  it('at any moment of opening a stream leaves no entry that would count against its owner', async () => {
    const { headers, body } = posted(credential['x-api-key']!, 'subscriptions/listen', {
      notifications: {},
    })
    const request = `${headOf(gateway.url, { ...headers, 'content-length': body!.length })}\r\n${body}`
    for (let round = 0; round < 20; round++) {
      const peers = await peersOf(gateway.url, 10)
      for (const { socket } of peers) socket.write(request, () => socket.resetAndDestroy())
    }
    await vi.waitFor(() => expect(connectionsAt(gateway.url)).toBeLessThan(10), 5000)
    const gone = new AbortController()
    const open = () =>
      fetch(`${gateway.url}/mcp`, {
        method: 'POST',
        headers: headers!,
        body: body!,
        signal: gone.signal,
      })
    const statuses = await Promise.all(
      Array.from({ length: STREAMS_PER_USER }, async () => (await open()).status),
    )
    gone.abort()
    expect(new Set(statuses)).toEqual(new Set([200]))
  })
})
