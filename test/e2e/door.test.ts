// What a client meets at the door of /mcp, on both stores: origins, credentials, scopes, and every way of being revoked.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { openBrowser } from '../fixtures/person.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { openSession, post, rpc, stateless } from '../fixtures/raw-client.ts'
import { dialects } from '../fixtures/stores.ts'

const PAGE = 'https://app.example'

interface Key {
  id: string
  name: string
  lastUsedAt: string | null
  calls: number
}

describe.each(dialects)('the door on %s', (dialect) => {
  const databases = databasesOn(process.env.MOORING_TEST_POSTGRES_URL ?? '')
  const dataDir = mkdtempSync(join(tmpdir(), 'mooring-door-'))
  let gateway: Gateway
  let endpoint: string
  let key: Record<string, string>

  beforeAll(async () => {
    gateway = await startGatewayHere({
      dataDir,
      demo: true,
      env: {
        MOORING_ALLOWED_ORIGINS: PAGE,
        ...(dialect === 'postgres' && { MOORING_DB: await databases.take() }),
      },
    })
    endpoint = `${gateway.url}/mcp`
    key = { 'x-api-key': (await gateway.createKey()).key }
    await vi.waitFor(async () =>
      expect((await stateless(endpoint, key, 'tools/list')).text).toContain('demo__echo'),
    )
  })
  afterAll(async () => {
    await gateway?.close()
    await databases.dropAll()
    rmSync(dataDir, { recursive: true, force: true })
  })

  const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` })
  const statusWith = async (credential: Record<string, string>) =>
    (await stateless(endpoint, credential, 'tools/list')).status

  describe('a page in a browser', () => {
    const headers = 'authorization, content-type, mcp-protocol-version, mcp-method, mcp-name'
    const preflight = (origin: string) =>
      fetch(endpoint, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': headers,
        },
      })

    it('of an allowed origin passes the preflight without a credential, and reads answer and challenge', async () => {
      const allowed = await preflight(PAGE)
      expect(allowed.status).toBe(204)
      expect(allowed.headers.get('access-control-allow-origin')).toBe(PAGE)
      expect(allowed.headers.get('access-control-allow-methods')).toContain('POST')
      expect(allowed.headers.get('access-control-allow-headers')).toBe(headers)

      for (const [credential, status] of [
        [{}, 401],
        [key, 200],
      ] as const) {
        const answer = await stateless(endpoint, { ...credential, origin: PAGE }, 'tools/list')
        expect(answer.status).toBe(status)
        expect(answer.headers.get('access-control-allow-origin')).toBe(PAGE)
        expect(answer.headers.get('vary')).toMatch(/origin/i)
        const exposed = answer.headers.get('access-control-expose-headers')
        expect(exposed).toContain('www-authenticate')
        expect(exposed).toContain('mcp-session-id')
        expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
      }
    })

    it('of another origin is refused, whatever it sends', async () => {
      for (const origin of ['https://evil.example', 'null', `${PAGE}.evil.example`]) {
        expect((await preflight(origin)).status, origin).toBe(403)
        for (const method of ['POST', 'GET', 'DELETE']) {
          const answer = await fetch(endpoint, { method, headers: { ...key, origin } })
          expect(answer.status, `${method} ${origin}`).toBe(403)
          expect(answer.headers.has('access-control-allow-origin')).toBe(false)
        }
      }
    })
  })

  it('OPTIONS says what may be used, and HEAD is challenged like GET, then told what to use', async () => {
    const options = await fetch(endpoint, { method: 'OPTIONS' })
    expect([options.status, options.headers.get('allow')]).toEqual([
      204,
      'GET, POST, DELETE, OPTIONS',
    ])
    const stranger = await fetch(endpoint, { method: 'HEAD' })
    expect(stranger.status).toBe(401)
    expect(stranger.headers.get('www-authenticate')).toMatch(/^Bearer resource_metadata=/)
    const known = await fetch(endpoint, { method: 'HEAD', headers: key })
    expect([known.status, known.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE, OPTIONS'])
  })

  describe('a credential', () => {
    it('that expired is told so with the time; revoked and mistyped ones are told apart', async () => {
      const { key: brief } = await gateway.createKey({ ttlMs: 1000 })
      const expired = await vi.waitFor(async () => {
        const answer = await post(endpoint, rpc('ping'), bearer(brief))
        expect(answer.status).toBe(401)
        return answer
      }, 5000)
      expect(expired.message).toMatchObject({
        error: 'invalid_token',
        code: 'token_expired',
        details: { reason: 'expired', expiredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) },
      })
      expect(expired.headers.get('www-authenticate')).toMatch(
        /resource_metadata=.*expired at \d{4}/,
      )

      const { id, key: gone } = await gateway.createKey()
      await gateway.govern('POST', `/keys/${id}/revoke`)
      expect((await post(endpoint, rpc('ping'), bearer(gone))).message).toMatchObject({
        code: 'token_revoked',
      })
      const typed = `${gone.slice(0, -1)}${gone.endsWith('0') ? '1' : '0'}`
      const wrong = await post(endpoint, rpc('ping'), { 'x-api-key': typed })
      expect(wrong.status).toBe(401)
      expect(wrong.message).toMatchObject({ code: 'token_malformed' })
      expect(wrong.headers.get('www-authenticate')).toContain('resource_metadata=')
    })

    it('with a scope too narrow for the tool is 403 and names the scope, in both eras', async () => {
      const { key: narrow } = await gateway.createKey({ scopes: ['demo:read'] })
      const session = await openSession(endpoint, bearer(narrow))
      const echoed = await session.call('demo__echo', { message: 'reading is fine' })
      expect(echoed.message.result?.content?.[0]?.text).toBe('reading is fine')
      for (const answer of [
        await session.call('demo__roll_dice'),
        await stateless(endpoint, bearer(narrow), 'tools/call', {
          name: 'demo__roll_dice',
          arguments: {},
        }),
      ]) {
        expect(answer.status).toBe(403)
        expect(answer.headers.get('www-authenticate')).toMatch(
          /^Bearer resource_metadata=.*scope="demo:write", error="insufficient_scope"/,
        )
        expect(answer.message).toMatchObject({
          error: 'insufficient_scope',
          details: { scopes: ['demo:write'] },
        })
      }
    })

    it('that is good, on a server whose policy asks first, is refused with the rule that says so', async () => {
      await gateway.govern('PATCH', '/servers/demo', { permit: 'read-only' })
      try {
        const answer = await (await openSession(endpoint, key)).call('demo__roll_dice')
        expect(answer.message.result?.isError).toBe(true)
        expect(answer.message.result?.content?.[0]?.text).toMatch(
          /Only tools that demo marks as read-only run without asking.*--permit all/,
        )
      } finally {
        await gateway.govern('PATCH', '/servers/demo', { permit: 'all' })
      }
    })

    it('that is good, of a person who is not on the list of a server, is 403 with the rule at that server', async () => {
      const eve = await gateway.addUser('eve')
      const { key: hers } = await gateway.createKey({ userLogin: eve.login })
      const own = `${gateway.url}/s/demo/mcp`
      expect((await stateless(own, bearer(hers), 'tools/list')).status).toBe(200)
      await gateway.govern('PATCH', '/servers/demo', { people: [gateway.admin.login] })
      try {
        const refused = await stateless(own, bearer(hers), 'tools/list')
        expect(refused.status).toBe(403)
        expect(refused.message.error).toMatchObject({
          message: expect.stringContaining('not on the list of people for demo'),
          data: { code: 'forbidden', rule: 'people of demo' },
        })
        const everything = await stateless(endpoint, bearer(hers), 'tools/list')
        expect(everything.text).not.toContain('demo__')
      } finally {
        await gateway.govern('PATCH', '/servers/demo', { people: null })
      }
    })

    it('in the query string is not accepted, under any name', async () => {
      for (const name of ['api_key', 'apikey', 'key', 'token', 'access_token', 'X-API-Key']) {
        const answer = await post(`${endpoint}?${name}=${key['x-api-key']}`, rpc('ping'))
        expect([answer.status, answer.message.code], name).toEqual([401, 'token_missing'])
      }
    })

    it('that is an API key is never shown again, and counts its use over MCP', async () => {
      const { id, key: secret } = await gateway.createKey({ name: 'counted' })
      const listed = async () => {
        const { keys } = await gateway.govern<{ keys: Key[] }>('GET', '/keys')
        expect(JSON.stringify(keys)).not.toContain(secret)
        return keys.find((one) => one.id === id)!
      }
      expect(await listed()).toMatchObject({ name: 'counted', lastUsedAt: null })
      expect(await statusWith({ 'x-api-key': secret })).toBe(200)
      await vi.waitFor(async () => expect((await listed()).lastUsedAt).toMatch(/^\d{4}-\d\d-\d\dT/))
    })
  })

  describe('a connection', () => {
    const ways: Record<string, (c: { id: string; clientId: string; refresh: string }) => unknown> =
      {
        'the command line': async ({ id }) => {
          const { code, stdout } = await gateway.mooring('grants', 'revoke', id)
          expect([code, stdout.trim()]).toEqual([0, id])
        },
        'the client itself (RFC 7009)': async ({ clientId, refresh }) => {
          const answer = await fetch(`${gateway.url}/oauth/revoke`, {
            method: 'POST',
            body: new URLSearchParams({ client_id: clientId, token: refresh }),
          })
          expect(answer.status).toBe(200)
        },
        'its user on the start page': async ({ id }) => {
          const browser = openBrowser()
          const send = async (path: string, field: string, fields: Record<string, string>) => {
            const page = await browser.open(gateway.url + path)
            const form = page.forms.find((one) => one.has(field) && !/logout/.test(one.action))!
            const values = new URLSearchParams([...form.values])
            for (const [name, value] of Object.entries(fields)) values.set(name, value)
            return browser.open(new URL(form.action, page.url).href, values)
          }
          await send('/login', 'password', { ...gateway.admin })
          const done = await send(`/connections/${id}/revoke`, 'form_token', {})
          expect(done.status, done.html).toBe(200)
        },
      }

    it('shows on the start page when it will end, and turns green with its first real call', async () => {
      const person = await gateway.addUser('grace')
      const client = await registerOauthClient(gateway.url)
      const { body } = await client.signIn(person)
      expect(body).toMatchObject({ expires_in: 900, grant_expires_at: expect.any(Number) })
      const browser = openBrowser()
      const login = await browser.open(`${gateway.url}/login`)
      const form = login.forms.find((one) => one.has('password'))!
      const values = new URLSearchParams([...form.values])
      for (const [name, value] of Object.entries(person)) values.set(name, value)
      const before = await browser.open(new URL(form.action, login.url).href, values)
      expect(before.html).toMatch(/ends <time [^>]*>in \d+ days</)
      expect(before.html).toContain('Signed in, no call yet')
      expect(before.html).not.toContain('✓ Connected')
      const session = await openSession(endpoint, bearer(body.access_token))
      await session.call('demo__echo', { message: 'first' })
      await vi.waitFor(async () =>
        expect((await browser.open(`${gateway.url}/`)).html).toContain('✓ Connected'),
      )
    })

    it.each(Object.keys(ways))(
      'revoked by %s is refused at the very next request; others of the person and the client stay',
      async (way) => {
        const client = await registerOauthClient(gateway.url)
        const other = await registerOauthClient(gateway.url, {
          redirectUri: 'http://127.0.0.1:53682/other',
        })
        const login = `bob-${Object.keys(ways).indexOf(way)}`
        const bob = await gateway.addUser(login)
        const { body: mine } = await client.signIn(gateway.admin)
        const { grants } = await gateway.govern<{ grants: { id: string }[] }>(
          'GET',
          `/grants?clientId=${client.clientId}`,
        )
        const newest = grants[0]!.id
        const { body: elsewhere } = await other.signIn(gateway.admin)
        const { body: theirs } = await client.signIn(bob)
        for (const { access_token } of [mine, elsewhere, theirs])
          expect(await statusWith(bearer(access_token))).toBe(200)

        const connection = { clientId: client.clientId, refresh: mine.refresh_token! }
        await ways[way]!({ id: newest, ...connection })

        const refused = await stateless(endpoint, bearer(mine.access_token), 'tools/list')
        expect(refused.status).toBe(401)
        expect(refused.headers.get('www-authenticate')).toContain('resource_metadata=')
        expect(refused.message).toMatchObject({ code: 'token_revoked' })
        expect((await client.refresh(mine.refresh_token!)).body.error).toBe('invalid_grant')
        for (const { access_token } of [elsewhere, theirs])
          expect(await statusWith(bearer(access_token))).toBe(200)
        expect((await client.refresh(theirs.refresh_token!)).status).toBe(200)
      },
    )
  })
})
