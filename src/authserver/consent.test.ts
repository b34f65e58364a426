// Sign-in and consent: always asked, bound to the browser and the person, never lost on the way (C16, C21; threats.md
// rows 4 to 6).
import { expect, it } from 'vitest'
import {
  authorizeUrl,
  connect,
  openRig,
  pageOf,
  pkce,
  publicClient,
  type Rig,
  redeem,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'
import { operator } from '../logs/event.ts'
import { addStaticClient, trustClient } from './clients.ts'

async function toConsent(rig: Rig, browser = rig.browser(), params = {}) {
  const client = await publicClient(rig)
  const keys = pkce()
  let step = await browser.follow(authorizeUrl(rig, client, keys, params))
  if (!('left' in step) && step.at.startsWith('/login/'))
    step = await browser.submit(step.at, { login: 'alice' })
  return { client, keys, browser, ...(await pageOf(step)) }
}

forEachStore((_name, open) => {
  it('the consent page knows client, redirect, resource, scopes, person and end', async () => {
    const rig = await openRig(open)
    const { json, client, at } = await toConsent(rig, undefined, {
      scope: 'notes:read stripe:write',
    })
    expect(json.interaction).toEqual({
      uid: at.split('/')[2],
      prompt: 'consent',
      client: {
        id: client.id,
        kind: 'dcr',
        name: 'Test client',
        verifiedHost: null,
        trusted: false,
        redirectUri: client.redirect,
        redirectHost: 'client.example',
        loopback: false,
      },
      resource: `${rig.origin}/mcp`,
      scopes: ['notes:read', 'stripe:write'].map((name) => expect.objectContaining({ name })),
      userId: rig.alice.id,
      grantEndsAt: expect.any(Number),
    })
  })

  it('a person who is signed in sees consent again for each connection, and no login page', async () => {
    const rig = await openRig(open)
    const { browser, client } = await connect(rig)
    browser.seen.length = 0
    await connect(rig, { browser, client })
    expect(browser.seen.map((line) => line.split('/')[1])).toEqual([
      'oauth',
      'consent',
      'consent',
      'oauth',
    ])
    const grants = await rig.core.store.db.selectFrom('grants').selectAll().execute()
    expect(grants).toHaveLength(2)
  })

  it('cancelling tells the client access_denied with state and issuer, and grants nothing', async () => {
    const rig = await openRig(open)
    const { browser, at } = await toConsent(rig)
    const step = await browser.submit(at, { decision: 'cancel' })
    if (!('left' in step)) throw new Error('no redirect')
    expect(Object.fromEntries(step.left.searchParams)).toEqual({
      error: 'access_denied',
      error_description: 'The person did not allow the connection.',
      state: 's-1',
      iss: rig.origin,
    })
    expect(await rig.core.store.db.selectFrom('grants').selectAll().execute()).toEqual([])
    expect(await rig.authEvents('auth.consent_cancelled')).toHaveLength(1)
  })

  it('unticked scopes are not in the token, and the flow does not ask again for them', async () => {
    const rig = await openRig(open)
    const { response } = await connect(rig, {
      params: { scope: 'notes:read notes:write stripe:read' },
      scopes: ['notes:read'],
    })
    expect(response.json.scope).toBe('notes:read')
    const [event] = await rig.authEvents('auth.consent_allowed')
    expect(JSON.parse(String(event?.detail))).toMatchObject({
      granted: ['notes:read'],
      refused: ['notes:write', 'stripe:read'],
    })
  })

  it('a scope that was not offered cannot be ticked', async () => {
    const rig = await openRig(open)
    const { browser, at } = await toConsent(rig, undefined, { scope: 'notes:read notes:write' })
    const step = await browser.submit(at, { decision: 'allow', scope: ['mcp'] })
    expect((await pageOf(step)).json.error).toBe('invalid_input')
  })

  it('C21: a browser session that expired during consent goes on after a new sign-in', async () => {
    const rig = await openRig(open)
    const { browser, at, client, keys } = await toConsent(rig)
    rig.signOutEverywhere()
    const refused = await pageOf(await browser.submit(at, { decision: 'allow', scope: 'mcp' }))
    expect(refused).toMatchObject({ status: 401, json: { error: 'sign_in_needed' } })
    expect(await rig.core.store.db.selectFrom('grants').selectAll().execute()).toEqual([])
    await rig.browser().approve(authorizeUrl(rig, client, pkce()))

    // The person signs in anew (the page's own affair) and submits the same form.
    const { browser: fresh } = await connect(rig)
    const login = [...fresh.cookies].find(([name]) => name.startsWith('login'))!
    browser.cookies.set(...login)
    const step = await browser.submit(at, { decision: 'allow', scope: 'mcp' })
    if (!('left' in step)) throw new Error(await step.page.text())
    const code = step.left.searchParams.get('code')!
    expect((await redeem(rig, client, code, keys)).status).toBe(200)
  })

  it.each(['alice', 'bob'])(
    'C21: %s signs in on the consent page of alice, and is asked for consent in turn',
    async (login) => {
      const rig = await openRig(open)
      const { browser, at, client, keys } = await toConsent(rig)
      rig.signOutEverywhere()
      const asked = await pageOf(await browser.submit(at, { login }))
      expect(asked.at).toMatch(/^\/consent\//)
      expect(asked.json.interaction.userId).toBe(login === 'alice' ? rig.alice.id : rig.bob.id)
      const step = await browser.submit(asked.at, { decision: 'allow', scope: 'mcp' })
      if (!('left' in step)) throw new Error(await step.page.text())
      expect((await redeem(rig, client, step.left.searchParams.get('code')!, keys)).status).toBe(
        200,
      )
      const [grant] = await rig.core.store.db.selectFrom('grants').selectAll().execute()
      expect(grant?.user_id).toBe(asked.json.interaction.userId)
    },
  )

  it('C21: a browser session that expired before the login page goes on to consent by itself', async () => {
    const rig = await openRig(open)
    const { browser } = await connect(rig)
    rig.signOutEverywhere()
    const { response } = await connect(rig, { browser })
    expect(response.status).toBe(200)
  })

  it('another person on the same browser starts afresh, with no log-out form in between', async () => {
    const rig = await openRig(open)
    const { browser } = await connect(rig, { login: 'alice' })
    rig.signOutEverywhere()
    await connect(rig, { browser, login: 'bob' })
    const users = await rig.core.store.db.selectFrom('grants').select('user_id').execute()
    expect(users.map((row) => row.user_id).sort()).toEqual([rig.alice.id, rig.bob.id].sort())
    await connect(rig, { browser })
    expect(await rig.auditEvents('grant.created')).toHaveLength(3)
  })

  it('consent is refused to a person other than the one who was asked', async () => {
    const rig = await openRig(open)
    const { browser, at } = await toConsent(rig)
    const { browser: bobs } = await connect(rig, { login: 'bob' })
    browser.cookies.set(...[...bobs.cookies].find(([name]) => name.startsWith('login'))!)
    const refused = await pageOf(await browser.submit(at, { decision: 'allow', scope: 'mcp' }))
    expect(refused).toMatchObject({ status: 403, json: { error: 'forbidden' } })
  })

  it('threats 5: a consent page opened in another browser is refused', async () => {
    const rig = await openRig(open)
    const { at } = await toConsent(rig)
    const { browser: other } = await connect(rig, { login: 'bob' })
    for (const step of [
      await other.follow(at),
      await other.submit(at, { decision: 'allow', scope: 'mcp' }),
    ])
      expect(await pageOf(step)).toMatchObject({ status: 410, json: { error: 'gone' } })
    const resumed = await pageOf(await other.follow(`/oauth/authorize/${at.split('/')[2]}`))
    expect(resumed.json.page.title).toBe('This sign-in has expired')
    const events = await rig.authEvents('auth.authorization_refused')
    expect(events).toHaveLength(3)
    for (const event of events)
      expect(event).toMatchObject({ user_id: rig.bob.id, severity: 'warn' })
  })

  it('two clicks on allow make one grant, and a resumed request gives no second code', async () => {
    const rig = await openRig(open)
    const { browser, at } = await toConsent(rig)
    const clicks = await Promise.all(
      [1, 2].map(() =>
        browser.request(at, {
          method: 'POST',
          body: new URLSearchParams({ decision: 'allow', scope: 'mcp' }),
        }),
      ),
    )
    const [next] = clicks.map((click) => click.headers.get('location'))
    expect(clicks.map((click) => click.status)).toEqual([303, 303])
    expect(await rig.core.store.db.selectFrom('grants').selectAll().execute()).toHaveLength(1)
    const resumed = await Promise.all([1, 2].map(() => browser.request(next!)))
    const codes = resumed
      .map((one) => one.headers.get('location'))
      .filter((to) => to?.includes('code='))
    expect(codes).toHaveLength(1)
  })

  it('nothing happens on GET: looking at the consent page grants nothing', async () => {
    const rig = await openRig(open)
    const { browser, at } = await toConsent(rig)
    for (let i = 0; i < 3; i++) await browser.follow(at)
    expect(await rig.core.store.db.selectFrom('grants').selectAll().execute()).toEqual([])
  })

  it('prompt: none is answered without a page, select_account is no obstacle, consent is what happens anyway', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const nobody = await rig.browser().follow(authorizeUrl(rig, client, pkce(), { prompt: 'none' }))
    expect('left' in nobody && nobody.left.searchParams.get('error')).toBe('login_required')
    const { browser } = await connect(rig, { client, params: { prompt: 'select_account' } })
    const silent = await browser.follow(authorizeUrl(rig, client, pkce(), { prompt: 'none' }))
    expect('left' in silent && silent.left.searchParams.get('error')).toMatch(/consent|interaction/)
    await connect(rig, {
      client,
      browser,
      params: { prompt: 'consent', scope: 'mcp offline_access' },
    })
    await connect(rig, { client, browser, params: { prompt: 'login' } })
  })

  it('a static client is asked about until an admin trusts it, then passes without a page', async () => {
    const rig = await openRig(open)
    const by = operator('test')
    const { id, secret } = await addStaticClient(rig.core, rig.vault, by, {
      name: 'Company',
      redirectUris: ['https://company.example/cb'],
    })
    const client = { id, secret: secret.reveal(), redirect: 'https://company.example/cb' }
    const { browser } = await connect(rig, { client })
    expect(browser.seen.some((line) => line.includes('/consent/'))).toBe(true)
    await trustClient(rig.core, by, id)
    browser.seen.length = 0
    await connect(rig, { client, browser, params: { scope: 'notes:read' } })
    expect(browser.seen).toEqual(['GET /oauth/authorize'])
    const grants = await rig.core.store.db.selectFrom('grants').selectAll().execute()
    expect(grants.map((grant) => grant.scopes).sort()).toEqual(['mcp', 'notes:read'])
    // Also when the person has to sign in on the way.
    rig.signOutEverywhere()
    browser.seen.length = 0
    await connect(rig, { client, browser, params: { scope: 'stripe:read' } })
    expect(browser.seen.map((line) => line.split('/')[1])).toEqual([
      ...['oauth', 'login', 'login', 'oauth'],
    ])
    // Asked for explicitly, the page is shown all the same, and no grant is left behind.
    const asked = await pageOf(
      await browser.follow(authorizeUrl(rig, client, pkce(), { prompt: 'consent' })),
    )
    expect(asked.json.interaction.client.trusted).toBe(true)
    expect(await rig.core.store.db.selectFrom('grants').selectAll().execute()).toHaveLength(3)
  })

  it.each(['cross-site', 'same-site', undefined])(
    'threats 6: with Sec-Fetch-Site %s even a trusted client is asked about, whoever is signed in',
    async (site) => {
      const rig = await openRig(open)
      const by = operator('test')
      const { id, secret } = await addStaticClient(rig.core, rig.vault, by, {
        name: 'Company',
        redirectUris: ['https://company.example/cb'],
      })
      const client = { id, secret: secret.reveal(), redirect: 'https://company.example/cb' }
      await trustClient(rig.core, by, id)
      const { browser } = await connect(rig)
      if (site === undefined) delete browser.headers['sec-fetch-site']
      else browser.headers['sec-fetch-site'] = site
      const asked = await pageOf(await browser.follow(authorizeUrl(rig, client, pkce())))
      expect(asked.at).toMatch(/^\/consent\//)
      // Nor does a sign-in on the way make it silent.
      rig.signOutEverywhere()
      const { at } = await pageOf(await browser.follow(authorizeUrl(rig, client, pkce())))
      browser.headers['sec-fetch-site'] = 'same-origin'
      const after = await pageOf(await browser.submit(at, { login: 'alice' }))
      expect(after.at).toMatch(/^\/consent\//)
      expect(await rig.core.store.db.selectFrom('grants').selectAll().execute()).toHaveLength(1)
    },
  )

  it('a registered client is asked about even when an admin trusts it, and so is a static one on loopback', async () => {
    const rig = await openRig(open)
    const by = operator('test')
    const { browser, client } = await connect(rig)
    await trustClient(rig.core, by, client.id)
    expect((await pageOf(await browser.follow(authorizeUrl(rig, client, pkce())))).at).toMatch(
      /^\/consent\//,
    )
    const local = await addStaticClient(rig.core, rig.vault, by, {
      name: 'Local',
      // Beside https it does not count as native, for which the library asks anyway.
      redirectUris: ['https://local.example/cb', 'http://localhost:7777/cb'],
    })
    await trustClient(rig.core, by, local.id)
    const url = authorizeUrl(rig, { id: local.id, redirect: 'http://localhost:9999/cb' }, pkce())
    expect((await pageOf(await browser.follow(url))).at).toMatch(/^\/consent\//)
  })
})
