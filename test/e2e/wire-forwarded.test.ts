// X-Forwarded-For as an attacker writes it (threats.md row 37): the limits count the network that really asks.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { formsOf } from '../fixtures/html-forms.ts'
import { post, rpc } from '../fixtures/raw-client.ts'

/** Registrations of one network in an hour. */
const MOST_CLIENTS = 120

let port = 1024
const register = async (gateway: Gateway, forwarded: string) => {
  port += 1
  const answer = await fetch(`${gateway.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': forwarded },
    body: JSON.stringify({
      client_name: `Client ${port}`,
      redirect_uris: [`http://127.0.0.1/${port}`],
      token_endpoint_auth_method: 'none',
    }),
  })
  await answer.body?.cancel()
  return answer.status
}

/** How many of so many registrations pass, each with words of its own in the header. */
async function passing(gateway: Gateway, times: number, forwarded: (i: number) => string) {
  let passed = 0
  const statuses = new Set<number>()
  for (let i = 0; i < times; i += 5)
    for (const status of await Promise.all(
      [0, 1, 2, 3, 4].map((j) => register(gateway, forwarded(i + j))),
    )) {
      statuses.add(status)
      if (status === 201) passed += 1
    }
  return { passed, statuses }
}

const forged = (i: number) => `203.0.${i >> 8}.${i & 255}`

describe('without a trusted proxy', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGatewayHere()
  })
  afterAll(() => gateway?.close())

  it('the header is worth nothing: who asks is the socket, whatever it claims', async () => {
    const forms = [
      forged,
      (i: number) => `${forged(i)}, ${forged(i + 1)}`,
      (i: number) => `2001:db8::${i.toString(16)}`,
      (i: number) => `127.0.0.1, ${forged(i)}`,
    ]
    const { passed, statuses } = await passing(gateway, MOST_CLIENTS + 5, (i) => forms[i % 4]!(i))
    expect([passed, statuses]).toEqual([MOST_CLIENTS, new Set([201, 429])])
  })
})

describe('with a trusted proxy', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGatewayHere({
      env: { MOORING_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8,fd00::/8' },
    })
  })
  afterAll(() => gateway?.close())

  const real = '198.51.100.9'
  const proxy = '127.0.0.1'
  const chains: [forwarded: string, counted: string][] = [
    [real, real],
    [`6.6.6.6, ${real}`, real],
    [`6.6.6.6,7.7.7.7,${real}:4711`, real],
    [`6.6.6.6, ${real}, 10.1.2.3, fd00::7`, real],
    [`6.6.6.6, ::ffff:${real}`, real],
    [`10.0.0.1, ${real}`, real],
    ['6.6.6.6, [2001:DB8::7]:4711', '2001:db8::7'],
    // What nobody can read hides what stands left of it: the nearest proxy is counted.
    ...[
      'unknown',
      '_hidden',
      '1.2.3',
      '0x7f.1',
      '1',
      '999.1.1.1',
      '[',
      'a:b',
      ',',
      '6.6.6.6 x',
    ].map((odd): [string, string] => [`6.6.6.6, ${odd}`, proxy]),
    ['6.6.6.6, unknown, 10.0.0.3', '10.0.0.3'],
    ['', proxy],
  ]
  it('what stands left of the address that the proxy saw is worth nothing', async () => {
    for (const [i, [forwarded]] of chains.entries()) {
      const headers = { 'x-forwarded-for': forwarded, 'user-agent': `chain-${i}.` }
      const answer = await post(`${gateway.url}/mcp`, rpc('ping'), headers)
      expect(answer.status).toBe(401)
    }
    await vi.waitFor(async () => {
      const { events } = await gateway.govern<{ events: { userAgent: string; ip: string }[] }>(
        'GET',
        '/logs/auth?limit=200',
      )
      const ipOf = (i: number) => events.find(({ userAgent }) => userAgent === `chain-${i}.`)?.ip
      expect(chains.map(([forwarded], i) => [forwarded, ipOf(i)])).toEqual(chains)
    })
  })

  it('a whole /64 is one network, and the next one another', async () => {
    const inside = (i: number) => `2001:db8:1:2:${i.toString(16)}::${(i * 7).toString(16)}`
    const { passed } = await passing(gateway, MOST_CLIENTS + 5, (i) => `${forged(i)}, ${inside(i)}`)
    expect(passed).toBe(MOST_CLIENTS)
    expect(await register(gateway, '2001:db8:1:3::1')).toBe(201)
  })

  it('a failed sign-in counts for the address that the proxy saw', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.1, 198.51.100.200' }
    const page = await fetch(`${gateway.url}/login`, { headers })
    const cookie = page.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ')
    const form = formsOf(await page.text()).find((one) => one.has('password'))!
    const values = new URLSearchParams(form.values)
    values.set('login', 'nobody')
    values.set('password', 'not the one')
    const answer = await fetch(`${gateway.url}/login`, {
      method: 'POST',
      headers: { ...headers, cookie },
      body: values,
    })
    expect(answer.status).toBe(401)
    const { events } = await gateway.govern<{ events: { code: string; ip: string }[] }>(
      'GET',
      '/logs/audit?limit=50',
    )
    const failed = events.filter(({ code }) => code === 'sign_in.failed')
    expect(failed.map(({ ip }) => ip)).toEqual(['198.51.100.200'])
  })
})
