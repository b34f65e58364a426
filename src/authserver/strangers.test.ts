// What anybody may cost the store without signing in, and that it costs nobody else anything (threats.md row 38).
import { expect, it } from 'vitest'
import {
  authorizeUrl,
  connect,
  openRig,
  pageOf,
  pkce,
  publicClient,
  type Rig,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

const from = (rig: Rig, ip: string) => {
  const browser = rig.browser()
  browser.headers['x-test-ip'] = ip
  return browser
}

const rows = async (rig: Rig, model: string) =>
  rig.core.store.db.selectFrom('oidc_records').selectAll().where('model', '=', model).execute()

forEachStore((_name, open) => {
  it('one network may begin only so many sign-ins; people elsewhere and people signed in go on', async () => {
    const rig = await openRig(open, { limits: { authorizationsPerMinute: 4 } })
    const client = await publicClient(rig)
    const { browser: ada } = await connect(rig, { client })
    for (const path of [1, 2, 3])
      await pageOf(
        await from(rig, `2001:db8:0:7::${path}`).follow(authorizeUrl(rig, client, pkce())),
      )
    const form = Object.fromEntries(new URL(authorizeUrl(rig, client, pkce())).searchParams)
    const pushed = await rig.post('/oauth/par', form, { 'x-test-ip': '2001:db8:0:7::4' })
    expect(pushed.status).toBe(201)

    const page = await from(rig, '2001:db8:0:7:ffff::1').request(authorizeUrl(rig, client, pkce()))
    expect(page.status).toBe(429)
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(rig.messages.at(-1)).toMatchObject({
      status: 429,
      code: 'rate_limited',
      text: expect.stringContaining('2001:db8:0:7::/64'),
      remedy: expect.stringMatching(/^Try again in \d+ seconds\.$/),
    })
    const again = await rig.post('/oauth/par', form, { 'x-test-ip': '2001:db8:0:7::5' })
    expect(again).toMatchObject({ status: 429, json: { error: 'temporarily_unavailable' } })
    expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await rows(rig, 'PushedAuthorizationRequest')).toHaveLength(1)

    const neighbour = from(rig, '2001:db8:0:8::1')
    expect((await connect(rig, { client, browser: neighbour })).response.status).toBe(200)
    ada.headers['x-test-ip'] = '2001:db8:0:7::6'
    expect((await connect(rig, { client, browser: ada })).response.status).toBe(200)
  })

  it('a flood from many networks keeps a bounded number of requests; a consent page stays good', async () => {
    const rig = await openRig(open, { limits: { pendingRequests: 20 } })
    const client = await publicClient(rig)
    const { browser } = await connect(rig, { client })
    const consent = await pageOf(await browser.follow(authorizeUrl(rig, client, pkce())))
    expect(consent.at).toMatch(/^\/consent\//)
    const form = Object.fromEntries(new URL(authorizeUrl(rig, client, pkce())).searchParams)
    for (let i = 0; i < 60; i++) {
      const ip = `198.51.100.${i}`
      await from(rig, ip).request(authorizeUrl(rig, client, pkce()))
      await rig.post('/oauth/par', form, { 'x-test-ip': ip })
    }
    // One more for the page that waits for a person, and what came since it was last counted.
    expect((await rows(rig, 'Interaction')).length).toBeLessThanOrEqual(22)
    expect((await rows(rig, 'PushedAuthorizationRequest')).length).toBeLessThanOrEqual(21)
    const step = await browser.submit(consent.at, { decision: 'allow', scope: 'mcp' })
    expect('left' in step && step.left.searchParams.has('code')).toBe(true)
    const fresh = await connect(rig, { client, browser: from(rig, '192.0.2.9') })
    expect(fresh.response.status).toBe(200)
  })

  it('refusals of one network fill no log: the next event says how many were left out', async () => {
    const rig = await openRig(open)
    const { client } = await connect(rig)
    const ask = (ip: string) =>
      rig.tokenRequest(
        { grant_type: 'refresh_token', refresh_token: 'mr_none', client_id: client.id },
        { 'x-test-ip': ip },
      )
    const began = performance.now()
    for (let i = 0; i < 150; i++) expect((await ask('198.51.100.1')).status).toBe(400)
    const seconds = (performance.now() - began) / 1000
    const recorded = (await rig.authEvents('auth.request_refused')).length
    expect(recorded).toBeLessThanOrEqual(61 + seconds)
    await ask('198.51.100.2')
    const last = (await rig.authEvents('auth.request_refused')).at(-1)
    expect(last?.ip).toBe('198.51.100.2')
    const events = await rig.authEvents('auth.request_refused')
    const left = events.map((event) =>
      Number(JSON.parse(String(event.detail)).unrecordedBefore ?? 0),
    )
    expect(left.reduce((sum, n) => sum + n, 0) + events.length).toBe(151)
  })

  it('a request that is far too long is not stored', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const url = authorizeUrl(rig, client, pkce(), { state: 'x'.repeat(9000) })
    const page = await rig.browser().request(url)
    expect([page.status, rig.messages.at(-1)?.code]).toEqual([413, 'too_large'])
    const pushed = await rig.post('/oauth/par', Object.fromEntries(new URL(url).searchParams))
    expect(pushed.status).toBe(413)
    for (const model of ['Interaction', 'PushedAuthorizationRequest', 'Session'])
      expect(await rows(rig, model)).toEqual([])
  })

  it('looking at the sign-in page of a client stores one row, and no session', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    await rig.browser().follow(authorizeUrl(rig, client, pkce()))
    const stored = await rig.core.store.db.selectFrom('oidc_records').select('model').execute()
    expect(stored).toEqual([{ model: 'Interaction' }])
  })
})
