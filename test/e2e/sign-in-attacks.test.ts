// Attacks on sign-in and consent, played against the whole gateway with its real pages (threats.md rows 4, 5, 7 and 12).
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { type Browser, openBrowser, type Page } from '../fixtures/person.ts'
import { post, rpc, stateless } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

const CROSS = { 'sec-fetch-site': 'cross-site', referer: 'https://attacker.example/' }
const STOLEN = 'https://attacker.example/cb'

let everything: Everything
let gateway: Gateway
beforeAll(async () => {
  everything = await startEverything()
  gateway = await startGatewayHere({ demo: true })
  await gateway.addServer('everything', everything.url)
})
afterAll(async () => {
  await gateway?.close()
  await everything?.close()
})

const linkFor = (clientId: string, redirectUri: string, extra: Record<string, string> = {}) =>
  `${gateway.url}/oauth/authorize?${new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    resource: `${gateway.url}/mcp`,
    state: 'attacker-knows',
    code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    code_challenge_method: 'S256',
    ...extra,
  })}`

async function register(client_name: string, redirect: string) {
  const reply = await fetch(`${gateway.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name,
      redirect_uris: [redirect],
      token_endpoint_auth_method: 'none',
    }),
  })
  const body = (await reply.json()) as { client_id: string; error_description?: string }
  return { status: reply.status, id: body.client_id, why: body.error_description ?? '' }
}

/** A person with a live session who has just allowed an honest client. */
async function victim(): Promise<{ browser: Browser; honest: string }> {
  const browser = openBrowser()
  const { id } = await register('Honest', 'https://honest.example/cb')
  const back = await browser.authorize(linkFor(id, 'https://honest.example/cb'), gateway.admin)
  expect(back.searchParams.has('code')).toBe(true)
  return { browser, honest: id }
}

const grants = async () =>
  (await gateway.govern<{ grants: unknown[] }>('GET', '/grants')).grants.length

const noCode = (page: Page, where: string) =>
  expect(page.away?.href ?? '', where).not.toMatch(/[?&#]code=/)

describe('the confused deputy', () => {
  it('of a live session and an earlier consent gets no code out, however it leads the browser', async () => {
    const { browser, honest } = await victim()
    const evil = (await register('Honest', STOLEN)).id
    const twin = (await register('Honest', 'http://127.0.0.1:4444/cb')).id
    const before = await grants()
    const links: Record<string, string> = {
      'a client of its own': linkFor(evil, STOLEN),
      'no prompt': linkFor(evil, STOLEN, { prompt: 'none' }),
      'a fragment': linkFor(evil, STOLEN, { response_mode: 'fragment' }),
      'a form post': linkFor(evil, STOLEN, { response_mode: 'form_post' }),
      'a loopback twin': linkFor(twin, 'http://127.0.0.1:5555/cb'),
      'the honest client': linkFor(honest, 'https://honest.example/cb'),
      'the honest client with another address': linkFor(honest, STOLEN),
      'two addresses': `${linkFor(honest, 'https://honest.example/cb')}&redirect_uri=${STOLEN}`,
      'two clients': `${linkFor(evil, STOLEN)}&client_id=${honest}`,
    }
    for (const [name, link] of Object.entries(links))
      for (const headers of [CROSS, { 'sec-fetch-site': 'none' }, { 'sec-fetch-site': '' }]) {
        const page = await browser.open(link, undefined, headers)
        noCode(page, name)
        expect(page.html, name).not.toMatch(/name="code"/)
      }
    const asked = await browser.open(links['a client of its own']!, undefined, CROSS)
    expect(asked.html).toMatch(/class="hostbig"><bdi>attacker\.example<\/bdi>/)
    expect(asked.html).toContain('Unverified')
    expect(await grants()).toBe(before)
  })

  it('cannot answer the consent page for the person: not from its site, not with a token of its own', async () => {
    const { browser } = await victim()
    const evil = (await register('Evil', STOLEN)).id
    const asked = await browser.open(linkFor(evil, STOLEN), undefined, CROSS)
    const form = asked.forms.find((one) => one.has('decision'))!
    const action = new URL(form.action, asked.url).href
    const answer = () => {
      const fields = new URLSearchParams([...form.values, ...form.unticked])
      fields.set('decision', 'allow')
      return fields
    }
    const before = await grants()
    const attacker = openBrowser()
    const { login, password } = await gateway.addUser('mallory')
    const own = (await register('Mallory', STOLEN)).id
    await attacker.authorize(linkFor(own, STOLEN), { login, password })
    const theirs = await attacker.open(linkFor(own, STOLEN))
    const theirToken = theirs.forms
      .find((one) => one.has('decision'))!
      .values.find(([name]) => name === 'form_token')![1]

    const fromAfar = { origin: 'https://attacker.example', ...CROSS }
    const tries: [string, URLSearchParams, Record<string, string>][] = [
      ['from another site', answer(), fromAfar],
      ['with the origin hidden', answer(), { origin: 'null', 'sec-fetch-site': 'cross-site' }],
      ['without a token', withToken(answer(), ''), {}],
      ['with a token of the attacker', withToken(answer(), theirToken), {}],
    ]
    for (const [name, fields, headers] of tries) {
      const page = await browser.open(action, fields, headers)
      expect(page.status, name).toBe(403)
      noCode(page, name)
    }
    // Looking is not answering.
    noCode(await browser.open(`${action}?${answer()}`), 'GET')
    expect(await grants()).toBe(before + 1)
    const meant = await browser.open(action, answer())
    expect(meant.away?.searchParams.has('code')).toBe(true)
  })

  it('cannot finish in one browser what was begun in another, and the attempt is on the record', async () => {
    const evil = (await register('Evil', STOLEN)).id
    const attacker = openBrowser()
    const { login, password } = await gateway.addUser('trudy')
    const warm = (await register('Warm', 'https://warm.example/cb')).id
    await attacker.authorize(linkFor(warm, 'https://warm.example/cb'), { login, password })
    const waiting = await attacker.open(linkFor(evil, STOLEN))
    const { browser } = await victim()
    const before = await grants()
    const consent = await browser.open(waiting.url.href, undefined, CROSS)
    expect(consent.status).toBe(410)
    const resumed = await browser.open(
      `${gateway.url}/oauth/authorize/${waiting.url.pathname.split('/')[2]}`,
      undefined,
      CROSS,
    )
    noCode(resumed, 'resume')
    expect(await grants()).toBe(before)
    const { events } = await gateway.govern<{ events: { reason: string; userId: string }[] }>(
      'GET',
      '/logs/auth?limit=50',
    )
    expect(
      events.filter(({ reason }) => /started in another browser/.test(reason ?? '')),
    ).not.toEqual([])
  })
})

const withToken = (fields: URLSearchParams, token: string) => {
  fields.set('form_token', token)
  return fields
}

const HOSTILE: [string, string, RegExp | null][] = [
  ['markup', '<script>alert(1)</script><img src=x onerror=alert(1)>', null],
  ['a quote', '"><svg onload=alert(1)>', null],
  ['a new line', 'Claude\nverified: yes\r\n<b>', null],
  ['terminal escapes', '\u001b[31mClaude\u001b]0;pwned\u0007\u009b2J', null],
  ['right to left', 'edualC\u202e\u2066gnp.exe\u2069\u200f', null],
  ['zero width', 'Cla\u200bu\u200dd\u2060e\ufeff', null],
  ['tag characters', 'Claude\u{e0041}\u{e0042}\u{e007f}', null],
  ['a Cyrillic letter', '\u0421laude', /mixes Latin and Cyrillic letters/],
  [
    'mathematical letters',
    '\u{1d402}\u{1d425}\u{1d41a}\u{1d42e}\u{1d41d}\u{1d41e}',
    /imitate plain letters/,
  ],
  ['full-width letters', '\uff23laude', /imitate plain letters/],
  ['a stack of marks', `C${'\u0301'.repeat(100)}laude`, null],
  ['nothing to see', '\u3164\u2800\u00ad', null],
]

/** Everything that moves a cursor, turns a line around or cannot be seen. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u

describe('a hostile client name', () => {
  it.each(HOSTILE)('with %s is harmless on the page', async (_what, name, oddity) => {
    const redirect = `https://h${randomBytes(4).toString('hex')}.example/cb`
    const { status, id } = await register(name, redirect)
    expect(status).toBe(201)
    const { browser } = await victim()
    const page = await browser.open(linkFor(id, redirect))
    expect(page.status).toBe(200)
    expect(page.html.replaceAll('\n', '')).not.toMatch(UNSAFE)
    expect(page.html).not.toMatch(/<(script|img)\b|<svg(?! class="mark")|<b>/i)
    expect(page.html).toContain(new URL(redirect).host)
    expect(page.html).not.toMatch(/✓ Verified/)
    if (oddity) expect(page.html).toMatch(oddity)
  })

  it('of any kind is harmless in the log and on the terminal, one line each', async () => {
    const ids: string[] = []
    for (const [, name] of HOSTILE) {
      const redirect = `https://h${randomBytes(4).toString('hex')}.example/cb`
      ids.push((await register(name, redirect)).id)
    }
    const list = await gateway.mooring('clients', 'list')
    const log = await gateway.mooring('logs', 'audit', '--json')
    const one = await gateway.mooring('clients', 'show', ids[0]!)
    for (const { code, stdout } of [list, log, one]) {
      expect(code).toBe(0)
      expect(stdout.replaceAll('\n', '')).not.toMatch(UNSAFE)
    }
    for (const id of ids) {
      expect(list.stdout.split('\n').filter((line) => line.includes(id))).toHaveLength(1)
      expect(log.stdout).toContain(id)
    }
  })

  it('of ten kilobytes is refused with the limit', async () => {
    const { status, why } = await register('C'.repeat(10_240), 'https://long.example/cb')
    expect(status).toBe(400)
    expect(why).toContain('client_name is longer than 200 characters')
  })
})

describe('a token for one endpoint', () => {
  it.each(['/s/demo/mcp', '/s/demo/mcp/', '/mcp', '/mcp/'])(
    'issued for %s is refused everywhere else, in every spelling',
    async (path) => {
      const client = await registerOauthClient(gateway.url, { resource: gateway.url + path })
      const { status, body } = await client.signIn(gateway.admin)
      expect(status, JSON.stringify(body)).toBe(200)
      const bearer = { authorization: `Bearer ${body.access_token}` }
      const home = path.replace(/\/$/, '')
      const all = ['/mcp', '/s/demo/mcp', '/s/everything/mcp']
      for (const endpoint of all)
        for (const slash of ['', '/']) {
          const reply = await stateless(gateway.url + endpoint + slash, bearer, 'tools/list')
          const good = endpoint === home
          expect(reply.status, `${path} at ${endpoint}${slash}`).toBe(good ? 200 : 401)
          if (!good) expect(reply.text).toContain('token_wrong_resource')
        }
      for (const odd of [
        '/MCP',
        '/s/DEMO/mcp',
        '/S/demo/mcp',
        '/s/demo/MCP',
        '/s/demo//mcp',
        '/s/demo/../demo/mcp%2f',
        '//mcp',
        '/s/demo/mcp/x',
      ]) {
        const reply = await post(gateway.url + odd, rpc('ping'), bearer)
        expect([404, 401], `${path} at ${odd}: ${reply.text}`).toContain(reply.status)
      }
    },
  )

  it('cannot be asked for in another spelling of the path', async () => {
    const client = await registerOauthClient(gateway.url)
    for (const resource of [
      '/S/demo/mcp',
      '/s/DEMO/mcp',
      '/s/demo//mcp',
      '/s/demo/mcp?x=1',
      '/s/demo%2fmcp',
      '/s/none/mcp',
    ]) {
      const page = await openBrowser().open(
        linkFor(client.clientId, 'http://127.0.0.1:53682/callback', {
          resource: gateway.url + resource,
        }),
      )
      expect(page.away?.searchParams.get('error'), resource).toBe('invalid_target')
      expect(page.away?.searchParams.get('iss')).toBe(gateway.url)
    }
  })
})

describe('a flood of sign-ins from one network', () => {
  it('ends at a page that says when to try again; who is signed in goes on', async () => {
    const { browser, honest } = await victim()
    const link = linkFor(honest, 'https://honest.example/cb')
    let refused: Page | undefined
    for (let n = 0; n < 300 && refused === undefined; n++) {
      const page = await openBrowser().open(link)
      if (page.status !== 200) refused = page
    }
    expect(refused?.status).toBe(429)
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused?.headers['content-type']).toMatch(/^text\/html/)
    expect(refused?.html).toMatch(/Too many sign-ins were begun from the network .*127\.0\.0\.1/)
    expect(refused?.html).toMatch(/Try again in (a second|\d+ seconds)\./)
    const asked = await browser.open(link)
    expect(asked.status).toBe(200)
    expect(asked.forms.some((form) => form.has('decision'))).toBe(true)
  })
})
