// OAuth 2.1 code flow over HTTP: PKCE (RFC 7636), issuer (RFC 9207), single use of codes, PAR (RFC 9126).
import { expect, it } from 'vitest'
import {
  authorizeUrl,
  connect,
  credentials,
  openRig,
  pkce,
  publicClient,
  type Rig,
  redeem,
  refresh,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

/** What an authorization request is refused with, as the client hears it. */
async function refusal(rig: Rig, url: string): Promise<URL> {
  const step = await rig.browser().follow(url)
  if (!('left' in step)) throw new Error(`A page instead of a redirect: ${await step.page.text()}`)
  return step.left
}

async function codeFor(rig: Rig, params: Record<string, string> = {}) {
  const client = await publicClient(rig)
  const keys = pkce()
  const left = await rig.browser().approve(authorizeUrl(rig, client, keys, params))
  return { client, keys, left, code: left.searchParams.get('code') ?? '' }
}

forEachStore((_name, open) => {
  it('a person signs in, consents, and the client gets opaque tokens and is told when the connection ends', async () => {
    const rig = await openRig(open)
    const before = Math.floor(Date.now() / 1000)
    const { response, browser } = await connect(rig)
    expect(response.json).toEqual({
      access_token: expect.stringMatching(/^mt_[0-9A-Za-z]{49}$/),
      refresh_token: expect.stringMatching(/^mr_[0-9A-Za-z]{49}$/),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'mcp',
      refresh_token_expires_in: 30 * 86_400,
      grant_expires_at: expect.any(Number),
    })
    expect(Number(response.json.grant_expires_at) - before - 30 * 86_400).toBeLessThan(5)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(browser.seen.map((line) => line.replace(/[\w-]{20,}/, 'UID'))).toEqual([
      'GET /oauth/authorize',
      'GET /login/UID',
      'POST /login/UID',
      'GET /oauth/authorize/UID',
      'GET /consent/UID',
      'POST /consent/UID',
      'GET /oauth/authorize/UID',
    ])
  })

  it('the token response and the grant in the store agree on lifetimes that were set', async () => {
    const rig = await openRig(open)
    rig.auth.accessTokenTtl = 300
    rig.auth.refreshTokenTtl = 3600
    const { response } = await connect(rig)
    expect(response.json).toMatchObject({ expires_in: 300, refresh_token_expires_in: 3600 })
    const grant = await rig.core.store.db.selectFrom('grants').selectAll().executeTakeFirstOrThrow()
    const token = await rig.core.store.db
      .selectFrom('access_tokens')
      .selectAll()
      .executeTakeFirstOrThrow()
    expect(Math.abs(grant.expires_at! - Date.now() - 3_600_000)).toBeLessThan(5000)
    expect(Math.abs(token.expires_at - Date.now() - 300_000)).toBeLessThan(5000)
    expect(token.resource).toBe(`${rig.origin}/mcp`)
  })

  it('RFC 7636: a request without PKCE or with the plain method is refused, and a wrong verifier gets no token', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const keys = pkce()
    const missing = await refusal(
      rig,
      authorizeUrl(rig, client, keys, {
        code_challenge: undefined,
        code_challenge_method: undefined,
      }),
    )
    expect(missing.searchParams.get('error')).toBe('invalid_request')
    const plain = await refusal(
      rig,
      authorizeUrl(rig, client, keys, { code_challenge_method: 'plain' }),
    )
    expect(plain.searchParams.get('error')).toBe('invalid_request')

    const { client: other, code } = await codeFor(rig)
    const wrong = await redeem(rig, other, code, pkce())
    expect([wrong.status, wrong.json.error]).toEqual([400, 'invalid_grant'])
    const events = await rig.authEvents('auth.request_refused')
    expect(events.at(-1)?.reason).toBe('code_verifier does not match code_challenge')
  })

  it('RFC 9207: success and error redirects both carry the issuer and the state', async () => {
    const rig = await openRig(open)
    const { left } = await codeFor(rig)
    expect(left.searchParams.get('iss')).toBe(rig.origin)
    expect(left.searchParams.get('state')).toBe('s-1')

    const client = await publicClient(rig)
    const wrong = await refusal(rig, authorizeUrl(rig, client, pkce(), { response_type: 'token' }))
    const said = new URLSearchParams(wrong.hash.slice(1) || wrong.search)
    expect(said.get('error')).toBe('unsupported_response_type')
    expect(said.get('iss')).toBe(rig.origin)
    expect(said.get('state')).toBe('s-1')
  })

  it('a code that is used twice kills the tokens of its first use and raises an alert', async () => {
    const rig = await openRig(open)
    const { client, keys, code } = await codeFor(rig)
    const first = await redeem(rig, client, code, keys)
    expect(first.status).toBe(200)
    const second = await redeem(rig, client, code, keys)
    expect([second.status, second.json.error]).toEqual([400, 'invalid_grant'])
    const dead = await refresh(rig, client, first.json.refresh_token)
    expect(dead.json.error).toBe('invalid_grant')
    const grant = await rig.core.store.db.selectFrom('grants').selectAll().executeTakeFirstOrThrow()
    expect(grant.revoked_reason).toBe('An authorization code was used twice.')
    const [reuse] = await rig.authEvents('auth.code_reuse')
    expect(reuse).toMatchObject({ severity: 'alert', grant_id: grant.id, client_id: client.id })
  })

  it('of many parallel redemptions of one code exactly one wins', async () => {
    const rig = await openRig(open)
    const { client, keys, code } = await codeFor(rig)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => redeem(rig, client, code, keys)),
    )
    const [winner, ...more] = answers.filter(({ status }) => status === 200)
    expect(more).toEqual([])
    expect(answers.filter(({ json }) => json.error === 'invalid_grant')).toHaveLength(49)
    const tokens = await rig.core.store.db.selectFrom('access_tokens').selectAll().execute()
    expect(tokens).toHaveLength(1)
    // The others count as reuse of the code, so what the one got is dead as well (RFC 6749 §4.1.2).
    expect((await refresh(rig, client, winner!.json.refresh_token)).json.error).toBe(
      'invalid_grant',
    )
    expect(tokens[0]?.revoked_at).not.toBeNull()
    expect(await rig.authEvents('auth.code_reuse')).toHaveLength(1)
  })

  it('a code is worth nothing to another client, and that attempt does not spend it', async () => {
    const rig = await openRig(open)
    const { client, keys, code } = await codeFor(rig)
    const thief = await publicClient(rig, { client_name: 'Thief' })
    expect((await redeem(rig, thief, code, keys)).json.error).toBe('invalid_grant')
    expect((await redeem(rig, client, code, keys)).status).toBe(200)
  })

  it('OAuth 2.1: the token request may leave out redirect_uri, but not change it', async () => {
    const rig = await openRig(open)
    const one = await codeFor(rig)
    const form = { grant_type: 'authorization_code', ...credentials(one.client) }
    const changed = await rig.tokenRequest({
      ...form,
      code: one.code,
      code_verifier: one.keys.verifier,
      redirect_uri: 'https://client.example/other',
    })
    expect(changed.json.error).toBe('invalid_grant')
    const without = await rig.tokenRequest({
      ...form,
      code: one.code,
      code_verifier: one.keys.verifier,
    })
    expect(without.status).toBe(200)
  })

  it('RFC 9126: a pushed request goes through once', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const keys = pkce()
    const pushed = await rig.post(
      '/oauth/par',
      Object.fromEntries(new URL(authorizeUrl(rig, client, keys)).searchParams),
    )
    expect(pushed.status).toBe(201)
    const query = new URLSearchParams({
      client_id: client.id,
      request_uri: pushed.json.request_uri,
    })
    const url = `${rig.origin}/oauth/authorize?${query.toString()}`
    const left = await rig.browser().approve(url)
    expect((await redeem(rig, client, left.searchParams.get('code')!, keys)).status).toBe(200)
    const again = await rig.browser().follow(url)
    expect('left' in again && again.left.searchParams.get('error')).toBe('invalid_request_uri')
  })

  it('nothing in the store is a usable token, code or session id', async () => {
    const rig = await openRig(open)
    const { client, keys, code } = await codeFor(rig)
    const first = await redeem(rig, client, code, keys)
    const browser = rig.browser()
    await browser.follow(authorizeUrl(rig, client, pkce()))
    const secrets = [
      code,
      first.json.access_token,
      first.json.refresh_token,
      keys.verifier,
      ...[...browser.cookies.values()].map(({ value }) => value),
    ]
    const tables = ['oidc_records', 'access_tokens', 'grants', 'clients', 'audit_events'] as const
    const rows = await Promise.all(
      tables.map((table) => rig.core.store.db.selectFrom(table).selectAll().execute()),
    )
    const stored = JSON.stringify([rows, await rig.authEvents()])
    expect(stored).toContain(client.id)
    for (const secret of secrets) expect(stored).not.toContain(secret)
  })

  it('the log tells the story of a sign-in in order, up to the sign-in event', async () => {
    const rig = await openRig(open)
    const { client, response } = await connect(rig)
    const events = await rig.authEvents()
    expect(events.map((event) => event.code)).toEqual([
      'auth.authorization_requested',
      'auth.authorization_requested',
      'auth.consent_allowed',
      'auth.code_issued',
      'auth.token_issued',
    ])
    const [created] = await rig.auditEvents('grant.created')
    const grant = await rig.core.store.db.selectFrom('grants').selectAll().executeTakeFirstOrThrow()
    expect(grant).toMatchObject({
      event_id: created?.id,
      user_id: rig.alice.id,
      client_id: client.id,
      client_name: 'Test client',
      client_host: 'client.example',
      ip: '203.0.113.7',
      scopes: 'mcp',
    })
    expect(created).toMatchObject({ actor_type: 'user', actor_id: rig.alice.id })
    expect(created?.parent_id).toMatch(/^evt_/)
    expect(events.at(-1)).toMatchObject({
      grant_id: grant.id,
      actor_type: 'client',
      user_id: rig.alice.id,
    })
    expect(JSON.stringify(events)).not.toContain(response.json.access_token)
  })
})
