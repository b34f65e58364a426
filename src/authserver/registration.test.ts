// RFC 7591 over HTTP: what real clients send is taken as it comes, the same public client only once, and never without
// bounds (C13, threats.md row 38).
import { afterEach, expect, it, vi } from 'vitest'
import {
  authorizeUrl,
  CALLBACK,
  connect,
  openRig,
  pkce,
  type Rig,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

afterEach(() => {
  vi.useRealTimers()
})

const CLAUDE = 'https://claude.ai/api/mcp/auth_callback'
const claude = {
  client_name: 'Claude',
  client_uri: CLAUDE,
  redirect_uris: [CLAUDE],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_post',
  scope: 'mcp notes:read notes:write user:profile claudeai offline_access',
  logo_uri: null,
  contacts: [],
  jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] },
  id_token_signed_response_alg: 'RS256',
}
const local = (extra = {}) => ({
  client_name: 'Claude Code (notes)',
  redirect_uris: ['http://localhost:54321/callback'],
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: 'mcp:tools offline_access',
  ...extra,
})
const clients = (rig: Rig) => rig.core.store.db.selectFrom('clients').selectAll().execute()

forEachStore((_name, open) => {
  it('a Claude-shaped confidential registration works as it comes, and its client connects', async () => {
    const rig = await openRig(open)
    const { status, json, headers } = await rig.register(claude)
    expect(status, JSON.stringify(json)).toBe(201)
    expect(json).toMatchObject({
      client_id: expect.stringMatching(/^cli_/),
      client_secret: expect.any(String),
      client_secret_expires_at: 0,
      client_name: 'Claude',
      redirect_uris: [CLAUDE],
      token_endpoint_auth_method: 'client_secret_post',
      scope: 'mcp notes:read notes:write',
    })
    expect(headers.get('cache-control')).toBe('no-store')
    const client = { id: json.client_id, secret: json.client_secret, redirect: CLAUDE }
    // It may later ask for more than it registered.
    const { response } = await connect(rig, { client, params: { scope: 'stripe:read' } })
    expect(response.json.scope).toBe('stripe:read')
    const [row] = await clients(rig)
    expect(row?.secret_sealed).not.toContain(json.client_secret)
    expect(JSON.stringify(await rig.auditEvents())).not.toContain(json.client_secret)
  })

  it('a confidential client may send its secret in the body or as Basic, whatever it registered', async () => {
    const rig = await openRig(open)
    for (const method of ['client_secret_post', 'client_secret_basic']) {
      const { json } = await rig.register({ ...claude, token_endpoint_auth_method: method })
      const { client_id, client_secret } = json
      const basic = Buffer.from(`${client_id}:${client_secret}`).toString('base64')
      const form = { grant_type: 'refresh_token', refresh_token: 'mr_none' }
      const inBody = await rig.tokenRequest({ ...form, client_id, client_secret })
      const inHeader = await rig.tokenRequest(form, { authorization: `Basic ${basic}` })
      const wrong = await rig.tokenRequest({ ...form, client_id, client_secret: 'wrong' })
      expect([inBody, inHeader, wrong].map((answer) => answer.json.error)).toEqual([
        'invalid_grant',
        'invalid_grant',
        'invalid_client',
      ])
      expect(wrong.status).toBe(401)
    }
  })

  for (const extra of [{}, { application_type: 'native' }, { application_type: 'web' }])
    it(`a loopback client ${JSON.stringify(extra)} connects from any port`, async () => {
      const rig = await openRig(open)
      const { status, json } = await rig.register(local(extra))
      expect(status, JSON.stringify(json)).toBe(201)
      expect(json).not.toHaveProperty('client_secret')
      const client = { id: json.client_id, redirect: 'http://localhost:61234/callback' }
      expect((await connect(rig, { client })).response.status).toBe(200)
      const other = { id: json.client_id, redirect: 'http://127.0.0.1:61234/callback' }
      const step = await rig.browser().follow(authorizeUrl(rig, other, pkce()))
      expect('left' in step).toBe(false)
      expect(rig.messages.at(-1)).toMatchObject({
        status: 400,
        code: 'invalid_redirect_uri',
        details: ['Registered: http://localhost:54321/callback'],
      })
    })

  it('identical registrations of public clients get one client_id, also when they come at once', async () => {
    const rig = await openRig(open)
    const answers = await Promise.all(Array.from({ length: 12 }, () => rig.register(local())))
    answers.push(await rig.register(local({ scope: 'mcp' })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    const ids = new Set(answers.map(({ json }) => json.client_id))
    expect(ids.size).toBe(1)
    expect(await clients(rig)).toHaveLength(1)
    const { json } = await rig.register(local())
    expect(json).toMatchObject({
      redirect_uris: ['http://localhost:54321/callback'],
      client_id_issued_at: expect.any(Number),
    })
    const other = await rig.register(local({ client_name: 'Another' }))
    expect(ids.has(other.json.client_id)).toBe(false)
    const secrets = await Promise.all([1, 2].map(() => rig.register(claude)))
    expect(new Set(secrets.map((answer) => answer.json.client_id)).size).toBe(2)
  })

  it('each registration is one audit row; refusals are in the log with their reason', async () => {
    const rig = await openRig(open)
    const { json } = await rig.register(local())
    await rig.register(local())
    const audit = await rig.auditEvents('client.registered')
    expect(audit).toMatchObject([
      { client_id: json.client_id, ip: '203.0.113.7', actor_type: 'client' },
    ])
    await rig.register(local({ redirect_uris: ['http://evil.example/cb'] }))
    const [refused] = await rig.authEvents('auth.request_refused')
    expect(refused?.reason).toContain('Plain http')
  })

  it.each([
    [{ redirect_uris: ['http://evil.example/cb'] }, 'invalid_redirect_uri', 'Plain http'],
    [{ redirect_uris: ['https://claude.ai/*'] }, 'invalid_redirect_uri', '"*"'],
    [{ redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri', 'scheme'],
    [{ redirect_uris: [] }, 'invalid_redirect_uri', 'missing'],
    [{ token_endpoint_auth_method: 'private_key_jwt' }, 'invalid_client_metadata', 'not supported'],
    [{ grant_types: ['client_credentials'] }, 'invalid_client_metadata', 'authorization_code'],
  ])('%j is refused with %s and a reason', async (extra, error, why) => {
    const rig = await openRig(open)
    const { status, json } = await rig.register(local(extra))
    expect([status, json.error]).toEqual([400, error])
    expect(json.error_description).toContain(why)
    expect(await clients(rig)).toEqual([])
  })

  it('a body that is no JSON, too large, or of another type is refused before any effect', async () => {
    const rig = await openRig(open)
    const send = async (body: string, type = 'application/json') => {
      const response = await fetch(`${rig.origin}/oauth/register`, {
        method: 'POST',
        headers: { 'content-type': type, accept: 'text/html' },
        body,
      })
      return [response.status, ((await response.json()) as { error: string }).error]
    }
    expect(await send('{')).toEqual([400, 'invalid_request'])
    expect(await send('[]')).toEqual([400, 'invalid_client_metadata'])
    expect(await send(`{"client_name":"${'x'.repeat(70_000)}"}`)).toEqual([413, 'invalid_request'])
    expect(await send('a=b', 'application/x-www-form-urlencoded')).toEqual([415, 'invalid_request'])
    expect(await clients(rig)).toEqual([])
  })

  it('one network can register only so many clients in an hour; others are not held up', async () => {
    const rig = await openRig(open, { limits: { registrationsPerHour: 3 } })
    const register = (name: number, ip: string) =>
      rig.register(local({ client_name: `n${name}` }), { 'x-test-ip': ip })
    for (let i = 0; i < 3; i++) expect((await register(i, `2001:db8::${i}`)).status).toBe(201)
    const refused = await register(3, '2001:db8::ffff:1')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3600'])
    expect(refused.json.error_description).toContain('3 clients')
    // The same client as before is no new one.
    expect((await register(1, '2001:db8::1')).status).toBe(201)
    expect((await register(4, '2001:db8:0:1::1')).status).toBe(201)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_601_000 })
    expect((await register(5, '2001:db8::1')).status).toBe(201)
  })

  it('many networks together can register only so many in an hour', async () => {
    const rig = await openRig(open, { limits: { registrationsPerHourInAll: 3 } })
    const register = (n: number) =>
      rig.register(local({ client_name: `n${n}` }), { 'x-test-ip': `198.51.100.${n}` })
    for (let n = 0; n < 3; n++) expect((await register(n)).status).toBe(201)
    for (const n of [3, 4]) expect((await register(n)).status).toBe(429)
    expect(await clients(rig)).toHaveLength(3)
    expect((await register(1)).status).toBe(201)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_601_000 })
    expect((await register(3)).status).toBe(201)
  })

  it('of many registrations at once from one network no more get through than one after the other', async () => {
    const rig = await openRig(open, { limits: { registrationsPerHour: 3 } })
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => rig.register(local({ client_name: `n${n}` }))),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3)
    expect(await clients(rig)).toHaveLength(3)
  })

  it('what is kept about clients is bounded in bytes; those unused for an hour make room at once', async () => {
    const rig = await openRig(open, { limits: { clientBytes: 12_000 } })
    const used = await connect(rig)
    const long = (n: number) =>
      local({
        redirect_uris: Array.from(
          { length: 3 },
          (_, i) => `https://c${n}.example/${i}/${'x'.repeat(1500)}`,
        ),
      })
    for (const n of [1, 2]) expect((await rig.register(long(n))).status).toBe(201)
    expect((await rig.register(long(3))).status).toBe(201)
    const full = await rig.register(long(4))
    expect(full.status).toBe(429)
    expect(full.json.error_description).toContain('12000 bytes')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_601_000 })
    expect((await rig.register(long(4))).status).toBe(201)
    expect((await clients(rig)).map(({ id }) => id)).toContain(used.client.id)
    expect(await rig.auditEvents('client.expired')).toHaveLength(1)
  })

  it('the log of a registration quotes only so much of what a stranger sent', async () => {
    const rig = await openRig(open)
    const redirect_uris = Array.from(
      { length: 9 },
      (_, i) => `https://c.example/${i}/${'x'.repeat(1500)}`,
    )
    expect((await rig.register(local({ redirect_uris }))).status).toBe(201)
    const [event] = await rig.auditEvents('client.registered')
    const detail = JSON.parse(String(event?.detail))
    expect(detail.redirectUris).toEqual(redirect_uris.slice(0, 5).map((uri) => uri.slice(0, 200)))
    expect(detail.more).toBe(4)
  })

  it('the number of clients is bounded, and clients that nobody used make room after a day', async () => {
    const rig = await openRig(open, { limits: { clients: 3 } })
    const used = await connect(rig)
    await rig.register(local({ client_name: 'a' }))
    await rig.register(local({ client_name: 'b' }))
    const full = await rig.register(local({ client_name: 'c' }))
    expect(full.status).toBe(429)
    expect(full.json.error_description).toContain('at most 3')
    // Logins are unaffected.
    expect((await connect(rig, { client: used.client })).response.status).toBe(200)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_401_000 })
    await rig.server.sweep()
    expect((await clients(rig)).map((row) => row.id)).toEqual([used.client.id])
    expect(await rig.auditEvents('client.expired')).toHaveLength(1)
    expect((await rig.register(local({ client_name: 'c' }))).status).toBe(201)
  })

  it('registration can be switched off, with a text that says what to do instead', async () => {
    const rig = await openRig(open)
    rig.auth.registration = false
    const { status, json } = await rig.register(local())
    expect(status).toBe(403)
    expect(json.remedy).toContain('client id')
    expect(await clients(rig)).toEqual([])
  })

  it('a client_id that is not known here: invalid_client for programs, a page with the remedy for people', async () => {
    const rig = await openRig(open)
    const unknown = { id: 'cli_gone', redirect: CALLBACK }
    const token = await rig.tokenRequest({
      grant_type: 'refresh_token',
      refresh_token: 'mr_x',
      client_id: unknown.id,
    })
    expect([token.status, token.json.error]).toEqual([401, 'invalid_client'])
    await rig.browser().follow(authorizeUrl(rig, unknown, pkce()))
    expect(rig.messages).toEqual([
      expect.objectContaining({
        title: 'The client is unknown here',
        remedy: expect.stringContaining('add it again'),
      }),
    ])
  })
})
