// A client that goes away in the middle of a call: the call is cancelled or runs on as its era says, and is on the record.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { openSession, rpc } from '../fixtures/raw-client.ts'

let gateway: Gateway
let credential: Record<string, string>
beforeAll(async () => {
  gateway = await startGatewayHere({ demo: true })
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
})
