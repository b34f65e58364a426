// The whole straight path behind nginx, Caddy and HAProxy, with the configurations of docs/behind-a-proxy.md.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { openBrowser } from '../fixtures/person.ts'
import {
  CLIENT_ADDRESS,
  documented,
  freePort,
  kinds,
  PUBLIC_URL,
  type RunningProxy,
  startProxy,
} from '../fixtures/proxies.ts'
import { callOf, openSession, post, rpc, stateless } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'mooring-proxied-'))
const endpoint = `${PUBLIC_URL}/mcp`
let everything: Everything
let gateway: Gateway
let port: number

beforeAll(async () => {
  writeFileSync(join(dataDir, 'mooring.yaml'), documented('yaml'))
  port = await freePort()
  everything = await startEverything({ eras: 'session' })
  gateway = await startGatewayHere({ dataDir, port })
  await gateway.addServer('everything', everything.url)
})
afterAll(async () => {
  await gateway?.close()
  await everything?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

describe.each(kinds)('behind %s', (kind) => {
  const direct = getGlobalDispatcher()
  let proxy: RunningProxy
  let key: Record<string, string>

  beforeAll(async () => {
    proxy = await startProxy(kind, port)
    key = { 'x-api-key': (await gateway.createKey()).key }
    vi.stubGlobal('fetch', proxy.fetch)
    setGlobalDispatcher(proxy.agent)
  })
  afterAll(async () => {
    vi.unstubAllGlobals()
    setGlobalDispatcher(direct)
    await proxy?.stop()
  })

  const json = async (url: string) => (await fetch(url)).json() as Promise<Record<string, string>>

  it('the challenge leads to metadata that names the public URL everywhere', async () => {
    const refused = await post(endpoint, rpc('ping'))
    expect(refused.status).toBe(401)
    const challenge = refused.headers.get('www-authenticate') ?? ''
    const resource = await json(/resource_metadata="([^"]+)"/.exec(challenge)![1]!)
    expect(resource).toMatchObject({ resource: endpoint, authorization_servers: [PUBLIC_URL] })
    const server = await json(`${PUBLIC_URL}/.well-known/oauth-authorization-server`)
    expect(server.issuer).toBe(PUBLIC_URL)
    const addresses = Object.entries(server).filter(([name]) => /_endpoint$|_uri$/.test(name))
    expect(addresses.length).toBeGreaterThan(4)
    for (const [name, url] of addresses) expect(url, name).toMatch(/^https:\/\/mcp\.example\.com\//)
  })

  it('a person signs in with cookies for https alone, and the address noted is the client’s', async () => {
    const page = await openBrowser().open(`${PUBLIC_URL}/login`)
    for (const cookie of [page.headers['set-cookie'] ?? []].flat())
      expect(cookie).toMatch(/^__Host-[^;]+;.*\bSecure\b/)
    expect(page.headers['set-cookie']?.length).toBeGreaterThan(0)
    expect(page.headers['strict-transport-security']).toMatch(/max-age=\d+/)

    const client = await registerOauthClient(PUBLIC_URL)
    const { body } = await client.signIn(gateway.admin)
    const session = await openSession(endpoint, { authorization: `Bearer ${body.access_token}` })
    const { message } = await session.call('everything__echo', { message: kind })
    expect(message.result?.content?.[0]?.text).toBe(kind)
    const { grants } = await gateway.govern<{ grants: { ip: string }[] }>(
      'GET',
      `/grants?clientId=${client.clientId}`,
    )
    expect(new Set(grants.map(({ ip }) => ip))).toEqual(new Set([CLIENT_ADDRESS]))
  })

  it('an address that a client claims for itself is not believed', async () => {
    const forged = { 'x-forwarded-for': '198.51.100.7', forwarded: 'for=198.51.100.7' }
    const refused = await post(endpoint, rpc('ping'), { ...forged, authorization: 'Bearer wrong' })
    expect(refused.status).toBe(401)
    await vi.waitFor(async () => {
      const { events } = await gateway.govern<{ events: { ip: string }[] }>(
        'GET',
        '/logs/auth?limit=20',
      )
      const seen = new Set(events.map(({ ip }) => ip).filter((ip) => ip !== null))
      expect([...seen]).toEqual([CLIENT_ADDRESS])
    })
  })

  it('calls of the stateless era go through, with their headers', async () => {
    const params = { name: 'everything__echo', arguments: { message: 'größe' } }
    const answer = await stateless(endpoint, key, 'tools/call', params, 'x-1')
    expect(answer.status, answer.text).toBe(200)
    expect(answer.message.id).toBe('x-1')
    expect(answer.message.result?.content?.[0]?.text).toBe('größe')
  })

  it('an event reaches the client while the answer is still being written', async () => {
    const session = await openSession(endpoint, key, { elicitation: {} })
    const reply = await fetch(endpoint, {
      method: 'POST',
      headers: {
        ...session.headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(callOf('everything__test_elicitation', { message: 'Well?' }, 7)),
    })
    const events = eventsOf(reply)
    const question = await events.next()
    expect(question).toMatchObject({ method: 'elicitation/create' })
    // The tool answers only now: a proxy that holds the event back would hold up both for ever.
    const answer = { action: 'accept', content: { response: 'well' } }
    const sent = { jsonrpc: '2.0', id: question.id, result: answer }
    expect((await post(endpoint, sent, session.headers)).status).toBe(202)
    const result = await events.next()
    expect(result).toMatchObject({ id: 7 })
    expect(JSON.stringify(result.result)).toContain('well')
  })

  it('news arrive on an open stream, and a revoke ends it', async () => {
    const mine = await gateway.createKey()
    const session = await openSession(endpoint, { 'x-api-key': mine.key })
    const stream = await fetch(endpoint, {
      headers: { ...session.headers, accept: 'text/event-stream' },
    })
    expect(stream.headers.get('content-type')).toContain('text/event-stream')
    const events = eventsOf(stream)
    await gateway.addServer(`news-${kind}`, everything.url)
    expect(await events.next()).toMatchObject({ method: 'notifications/tools/list_changed' })
    const revoked = performance.now()
    await gateway.govern('POST', `/keys/${mine.id}/revoke`)
    await events.ended()
    expect(performance.now() - revoked).toBeLessThan(5000)
  })

  it('a large message passes whole; one over the limit is 413 and not a gateway error', async () => {
    const session = await openSession(endpoint, key)
    const large = 'x'.repeat(3_500_000)
    const { message } = await session.call('everything__echo', { message: large })
    expect(message.result?.content?.[0]?.text?.length).toBe(large.length)
    for (const size of [4_200_000, 12_000_000]) {
      const refused = await session.call('everything__echo', { message: 'x'.repeat(size) })
      expect(refused.status, `${size}`).toBe(413)
    }
  })

  it('a name that is not ours is refused whatever the proxy lets through', async () => {
    const socket = await proxy.dial()
    socket.write('GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n')
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    // Caddy answers strangers itself, with an empty page.
    if (text.startsWith('HTTP/1.1 200')) expect(text).toMatch(/Server: Caddy.*Content-Length: 0/s)
    else expect(text).toMatch(/^HTTP\/1\.1 421 /)
  })
})

it('the proxies of the document give idle connections up before the gateway does', async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`)
  const ours = Number(/timeout=(\d+)/.exec(answer.headers.get('keep-alive') ?? '')?.[1])
  const theirs = [
    /keepalive_timeout (\d+)s/.exec(documented('nginx'))?.[1],
    /keepalive (\d+)s/.exec(documented('caddy'))?.[1],
  ].map(Number)
  expect(ours).toBeGreaterThan(Math.max(...theirs))
})

/** Messages of an event stream, one at a time. */
function eventsOf(reply: Response) {
  const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    next: async (): Promise<Record<string, unknown>> => {
      for (;;) {
        const event = /^data: (\{.*\})\n\n/m.exec(text)
        if (event) {
          text = text.slice(event.index + event[0].length)
          return JSON.parse(event[1]!) as Record<string, unknown>
        }
        const { done, value } = await reader.read()
        if (done) throw new Error(`The stream ended: ${text}`)
        text += value
      }
    },
    ended: async () => {
      try {
        while (!(await reader.read()).done);
      } catch (error) {
        // Cut in the middle is an end as well.
        expect(String(error)).toMatch(/terminated|closed/)
      }
    },
  }
}
