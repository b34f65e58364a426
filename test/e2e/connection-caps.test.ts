// How many connections and streams one client may hold, and what happens with one more: who asks nothing goes first,
// who asks is told when to come again, and health is answered whatever else is refused.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Gateway, type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { type Asked, ask, headOf, type Peer, peersOf, posted } from '../fixtures/pressure.ts'

const PER_CLIENT = 20
const TOTAL = 50
const PER_USER = 100
const PROXY = '127.0.0.9'

let gateway: GatewayProcess
let key: string
let list: Asked
const peers: Peer[] = []

beforeAll(async () => {
  gateway = await startGatewayProcess({
    demo: true,
    env: {
      MOORING_LIMITS_CONNECTIONS: String(TOTAL),
      MOORING_LIMITS_CONNECTIONS_PER_CLIENT: String(PER_CLIENT),
      MOORING_LIMITS_STREAMS_PER_USER: String(PER_USER),
      MOORING_TRUSTED_PROXIES: PROXY,
      MOORING_LOG_LEVEL: 'warn',
    },
  })
  key = (await gateway.createKey()).key
  list = posted(key, 'tools/list')
})
afterAll(() => gateway?.close())

/** All connections of earlier tests are gone. */
async function alone(): Promise<void> {
  for (const { socket } of peers.splice(0)) socket.destroy()
  await vi.waitFor(async () => {
    for (const from of ['127.0.0.2', '127.0.0.3', PROXY])
      expect((await ask(gateway.url, { ...list, from })).status).toBe(200)
  }, 10_000)
}

async function connected(count: number, from: string): Promise<Peer[]> {
  const made = await peersOf(gateway.url, count, from)
  peers.push(...made)
  return made
}

/** Opens a stream on each; resolves when all are there. */
async function streaming(
  count: number,
  from: string,
  headers: Record<string, string> = {},
): Promise<Peer[]> {
  const made = await connected(count, from)
  const { headers: own, body } = posted(key, 'subscriptions/listen', { notifications: {} })
  const head = headOf(gateway.url, { ...own, ...headers, 'content-length': body!.length })
  for (const { socket } of made) socket.write(`${head}\r\n${body}`)
  await vi.waitFor(() => {
    for (const { text } of made) expect(text()).toContain('acknowledged')
  }, 5000)
  return made
}

describe('connections of one address', () => {
  it('over the cap are refused with 429 and when to try again, while others and health are served', async () => {
    await alone()
    await streaming(PER_CLIENT, '127.0.0.2')
    const refused = await ask(gateway.url, { ...list, from: '127.0.0.2' })
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } })
    expect(refused.headers.connection).toBe('close')
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'rate_limited' })
    expect((await ask(gateway.url, { from: '127.0.0.2' })).status).toBe(200)
    expect((await ask(gateway.url, { ...list, from: '127.0.0.3' })).status).toBe(200)
    expect(gateway.output()).toContain('over the cap of a client')
  })

  it('that were never used give way, the oldest first', async () => {
    await alone()
    const [first, ...others] = await connected(PER_CLIENT, '127.0.0.2')
    await vi.waitFor(async () => {
      expect((await ask(gateway.url, { ...list, from: '127.0.0.2' })).status).toBe(200)
      await first!.closed
    })
    expect(others.filter(({ socket }) => !socket.readableEnded).length).toBeGreaterThan(
      PER_CLIENT / 2,
    )
  })

  it('are not counted for a trusted proxy; the requests that it passes on are, by the client behind it', async () => {
    await alone()
    const behind = (client: string) => ({ 'x-forwarded-for': client })
    await streaming(PER_CLIENT, PROXY, behind('203.0.113.1'))
    const asked = (client: string) =>
      ask(gateway.url, { ...list, headers: { ...list.headers!, ...behind(client) }, from: PROXY })
    expect((await asked('203.0.113.1')).status).toBe(429)
    expect((await asked('203.0.113.2')).status).toBe(200)
    // One home has 2^64 addresses.
    await streaming(PER_CLIENT, PROXY, behind('2001:db8:1:2::1'))
    expect((await asked('2001:db8:1:2:ffff::9')).status).toBe(429)
    expect((await asked('2001:db8:1:3::1')).status).toBe(200)
  })
})

describe('all connections together', () => {
  it('over the total are refused with 503 and when to try again; health and the control socket still answer', async () => {
    await alone()
    for (const from of ['127.0.0.2', '127.0.0.3']) await streaming(PER_CLIENT, from)
    await streaming(TOTAL - 2 * PER_CLIENT, '127.0.0.4')
    const refused = await ask(gateway.url, { ...list, from: '127.0.0.5' })
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'overloaded' })
    for (const path of ['/healthz', '/readyz'])
      expect((await ask(gateway.url, { path, from: '127.0.0.5' })).status).toBe(200)
    expect(await gateway.govern('GET', '/keys')).toHaveProperty('keys')
  })

  it('that are idle or silent make room for one that asks', async () => {
    await alone()
    const used = await connected(PER_CLIENT, '127.0.0.2')
    for (const { socket } of used)
      socket.write(`GET /healthz HTTP/1.1\r\nhost: ${new URL(gateway.url).host}\r\n\r\n`)
    await vi.waitFor(() => {
      for (const { text } of used) expect(text()).toContain('200 OK')
    })
    await connected(PER_CLIENT, '127.0.0.3')
    await streaming(TOTAL - 2 * PER_CLIENT, '127.0.0.4')
    for (let n = 0; n < PER_CLIENT + 5; n++) {
      const from = `127.0.0.${20 + n}`
      expect((await ask(gateway.url, { ...list, from })).status).toBe(200)
      await connected(1, from)
    }
  })
})

describe('the event streams of one person', () => {
  const LISTEN_PATHS = 3
  let small: Gateway

  beforeAll(async () => {
    small = await startGatewayProcess({ env: { MOORING_LIMITS_STREAMS_PER_USER: '3' } })
  })
  afterAll(() => small?.close())

  it('over the cap are refused with 429 in both eras, for all keys of the person and nobody else', async () => {
    const gone = new AbortController()
    const open = async (own: string) => {
      const { headers, body } = posted(own, 'subscriptions/listen', { notifications: {} })
      const reply = await fetch(`${small.url}/mcp`, {
        method: 'POST',
        headers: headers!,
        body: body!,
        signal: gone.signal,
      })
      return reply.status
    }
    const [mine, other] = [(await small.createKey()).key, (await small.createKey()).key]
    const { login } = await small.addUser('bert')
    const theirs = (await small.createKey({ userLogin: login })).key
    for (let n = 0; n < LISTEN_PATHS; n++) expect(await open(n % 2 ? mine : other)).toBe(200)
    expect([await open(mine), await open(other), await open(theirs)]).toEqual([429, 429, 200])
    const hello = await fetch(`${small.url}/mcp`, {
      method: 'POST',
      headers: { 'x-api-key': mine, 'content-type': 'application/json', accept: '*/*' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', clientInfo: { name: 'a', version: '1' } },
      }),
    })
    const session = {
      'x-api-key': mine,
      accept: 'text/event-stream',
      'mcp-session-id': hello.headers.get('mcp-session-id')!,
    }
    const refused = await fetch(`${small.url}/mcp`, { headers: session })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('30')
    expect(await refused.json()).toMatchObject({ code: 'rate_limited', details: { limit: 3 } })
    gone.abort()
    await vi.waitFor(async () => {
      const reply = await fetch(`${small.url}/mcp`, { headers: session })
      expect(reply.status).toBe(200)
      await reply.body!.cancel()
    }, 5000)
  })
})
