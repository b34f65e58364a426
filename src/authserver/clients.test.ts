// Clients: metadata documents (CIMD), static ones, and what revoking, restoring and trusting them does (C13, C18, C19).
import { expect, it } from 'vitest'
import {
  authorizeUrl,
  connect,
  openRig,
  pageOf,
  pkce,
  publicClient,
  refresh,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'
import { operator } from '../logs/event.ts'
import {
  addStaticClient,
  listClients,
  restoreClient,
  revokeClient,
  showClient,
  trustClient,
} from './clients.ts'

const CLAUDE_CODE = 'https://claude.ai/oauth/claude-code-client-metadata'
const DOCUMENT = 'https://editor.example/oauth/client.json'
const by = operator('test')
const editor = {
  client_id: DOCUMENT,
  client_name: 'Editor',
  redirect_uris: ['http://127.0.0.1/cb', 'https://editor.example/cb'],
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  scope: 'whatever it:likes',
}

forEachStore((_name, open) => {
  it('CIMD: Claude Code connects from any loopback port with no registration, even when claude.ai is out of reach', async () => {
    const rig = await openRig(open)
    for (const redirect of ['http://localhost:51111/callback', 'http://127.0.0.1:52222/callback']) {
      const client = { id: CLAUDE_CODE, redirect }
      const connection = await connect(rig, {
        client,
        params: { prompt: 'consent', scope: 'mcp offline_access' },
      })
      expect((await refresh(rig, client, connection.refresh)).status).toBe(200)
    }
    const [info] = await listClients(rig.core)
    expect(info).toMatchObject({
      id: CLAUDE_CODE,
      kind: 'cimd',
      name: 'Claude Code',
      verifiedHost: 'claude.ai',
      confidential: false,
      trusted: false,
      grants: 2,
    })
    expect(await rig.auditEvents('client.registered')).toHaveLength(1)
  })

  it('CIMD: the consent page says who vouches, and warns of a program on the own computer', async () => {
    const rig = await openRig(open)
    rig.documents.set(DOCUMENT, editor)
    const browser = rig.browser()
    const url = authorizeUrl(rig, { id: DOCUMENT, redirect: 'http://127.0.0.1:4040/cb' }, pkce())
    const { at, json: login } = await pageOf(await browser.follow(url))
    expect(login.interaction).toMatchObject({ prompt: 'login', userId: null, scopes: [] })
    const { json } = await pageOf(await browser.submit(at, { login: 'alice' }))
    expect(json.interaction.client).toEqual({
      id: DOCUMENT,
      kind: 'cimd',
      name: 'Editor',
      verifiedHost: 'editor.example',
      trusted: false,
      redirectUri: 'http://127.0.0.1:4040/cb',
      redirectHost: '127.0.0.1:4040',
      loopback: true,
    })
  })

  it('CIMD: a document that breaks a rule gives a page that names the rule, and fetching it is no redirect', async () => {
    const rig = await openRig(open)
    rig.documents.set(DOCUMENT, { ...editor, client_id: 'https://other.example/x' })
    const client = { id: DOCUMENT, redirect: 'https://editor.example/cb' }
    await rig.browser().follow(authorizeUrl(rig, client, pkce()))
    expect(rig.messages.at(-1)).toMatchObject({
      status: 400,
      code: 'invalid_client',
      title: 'The client could not be checked',
      text: expect.stringContaining('not the address it was read from'),
      remedy: 'Both must be the same string, character by character.',
      details: [DOCUMENT],
    })
    const [event] = await rig.authEvents('auth.authorization_refused')
    expect(event).toMatchObject({ client_id: DOCUMENT, outcome: 'refused' })
    expect(event?.reason).toContain('not the address it was read from')
  })

  it('CIMD: a redirect that the document does not list is refused with a page, never followed', async () => {
    const rig = await openRig(open)
    rig.documents.set(DOCUMENT, editor)
    for (const redirect of [
      'https://editor.example/cb2',
      'http://localhost:1234/cb',
      'https://evil.example/cb',
    ]) {
      const step = await rig.browser().follow(authorizeUrl(rig, { id: DOCUMENT, redirect }, pkce()))
      expect('left' in step).toBe(false)
      expect(rig.messages.at(-1)).toMatchObject({ code: 'invalid_redirect_uri' })
      expect(rig.messages.at(-1)?.text).toContain(redirect)
    }
  })

  it('CIMD: switched off, the URL of a document is an unknown client and nothing is fetched', async () => {
    const rig = await openRig(open)
    rig.auth.clientDocuments = false
    rig.documents.set(DOCUMENT, editor)
    await rig
      .browser()
      .follow(authorizeUrl(rig, { id: DOCUMENT, redirect: 'https://editor.example/cb' }, pkce()))
    expect(rig.messages.at(-1)?.code).toBe('invalid_client')
    expect(rig.fetched).toEqual([])
  })

  it('revoking a registered client ends its connections and its sign-ins, and leaves others alone', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const other = await connect(rig, { client: await publicClient(rig, { client_name: 'Other' }) })
    const pending = rig.browser()
    const { at } = await pageOf(await pending.follow(authorizeUrl(rig, connection.client, pkce())))
    expect(await revokeClient(rig.core, by, connection.client.id)).toBe(1)
    const dead = await refresh(rig, connection.client, connection.refresh)
    expect([dead.status, dead.json.error]).toEqual([401, 'invalid_client'])
    expect((await refresh(rig, other.client, other.refresh)).status).toBe(200)
    const consent = await pending.submit(at, { login: 'alice' })
    expect((await pageOf(consent)).json.page.title).toBe('The client is unknown here')
    const [audit] = await rig.auditEvents('client.revoked')
    expect(audit).toMatchObject({ client_id: connection.client.id, actor_type: 'operator' })
    expect((await showClient(rig.core, connection.client.id)).revokedAt).not.toBeNull()
    // It registers anew, as clients do on invalid_client, and is a new client.
    expect((await publicClient(rig)).id).not.toBe(connection.client.id)
  })

  it('revoking a metadata document client blocks its URL until it is restored, cached or not', async () => {
    const rig = await openRig(open)
    rig.documents.set(DOCUMENT, editor)
    const client = { id: DOCUMENT, redirect: 'https://editor.example/cb' }
    const connection = await connect(rig, { client })
    await revokeClient(rig.core, by, DOCUMENT)
    expect((await refresh(rig, client, connection.refresh)).json.error).toBe('invalid_client')
    await rig.browser().follow(authorizeUrl(rig, client, pkce()))
    expect(rig.messages.at(-1)?.code).toBe('invalid_client')
    await restoreClient(rig.core, by, DOCUMENT)
    expect((await refresh(rig, client, connection.refresh)).json.error).toBe('invalid_grant')
    await connect(rig, { client })
  })

  it('a metadata document URL can be blocked before anyone used it', async () => {
    const rig = await openRig(open)
    rig.documents.set(DOCUMENT, editor)
    await revokeClient(rig.core, by, DOCUMENT)
    await rig
      .browser()
      .follow(authorizeUrl(rig, { id: DOCUMENT, redirect: 'https://editor.example/cb' }, pkce()))
    expect(rig.messages.at(-1)?.code).toBe('invalid_client')
    expect(rig.fetched).toEqual([])
  })

  it('consent that is given while the client is being revoked gives no connection', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const browser = rig.browser()
    const { at } = await pageOf(await browser.follow(authorizeUrl(rig, client, pkce())))
    const { at: consent } = await pageOf(await browser.submit(at, { login: 'alice' }))
    const [step] = await Promise.all([
      browser.submit(consent, { decision: 'allow', scope: 'mcp' }),
      revokeClient(rig.core, by, client.id),
    ])
    void step
    const live = await rig.core.store.db
      .selectFrom('grants')
      .select('id')
      .where('revoked_at', 'is', null)
      .execute()
    expect(live).toEqual([])
  })

  it('a static client has a secret that is shown once, its redirects, and at most its scopes', async () => {
    const rig = await openRig(open)
    const added = await addStaticClient(rig.core, rig.vault, by, {
      name: 'Company',
      redirectUris: ['https://company.example/cb'],
      scopes: ['notes:read'],
    })
    expect(String(added.secret)).toBe('[redacted]')
    const client = {
      id: added.id,
      secret: added.secret.reveal(),
      redirect: 'https://company.example/cb',
    }
    for (const scope of ['notes:read notes:write mcp', undefined]) {
      const { response } = await connect(rig, { client, params: { scope } })
      expect(response.json.scope).toBe('notes:read')
    }
    const basic = Buffer.from(`${client.id}:${client.secret}`).toString('base64')
    const connection = await connect(rig, { client })
    const refreshed = await rig.tokenRequest(
      { grant_type: 'refresh_token', refresh_token: connection.refresh },
      { authorization: `Basic ${basic}` },
    )
    expect(refreshed.status).toBe(200)
    const stored = JSON.stringify(
      await rig.core.store.db.selectFrom('clients').selectAll().execute(),
    )
    expect(stored).not.toContain(client.secret)
    expect(await listClients(rig.core)).toMatchObject([
      { id: client.id, kind: 'static', scopes: ['notes:read'], confidential: true, grants: 3 },
    ])
  })

  it('a static client for hosted Claude is added by the name of the preset, with both of its callbacks', async () => {
    const rig = await openRig(open)
    const { id, secret } = await addStaticClient(rig.core, rig.vault, by, {
      name: 'Claude',
      redirectUris: ['claude'],
    })
    for (const host of ['claude.ai', 'claude.com']) {
      const redirect = `https://${host}/api/mcp/auth_callback`
      const client = { id, secret: secret.reveal(), redirect }
      expect((await connect(rig, { client })).response.status, host).toBe(200)
    }
  })

  it('a static client with a redirect that is not allowed is refused with the reason', async () => {
    const rig = await openRig(open)
    const add = (uri: string) =>
      addStaticClient(rig.core, rig.vault, by, { name: 'x', redirectUris: [uri] })
    await expect(add('http://company.example/cb')).rejects.toMatchObject({
      code: 'invalid_redirect',
      message: expect.stringContaining('Plain http'),
      remedy: expect.stringContaining('exact address'),
    })
    await expect(add('https://claude.ai/*')).rejects.toMatchObject({ code: 'invalid_redirect' })
  })

  it('verbs on clients that do not exist say so, and each verb leaves one audit row', async () => {
    const rig = await openRig(open)
    for (const verb of [
      showClient,
      (core: typeof rig.core, id: string) => revokeClient(core, by, id),
    ])
      await expect(verb(rig.core, 'cli_none')).rejects.toMatchObject({ code: 'not_found' })
    const { id } = await publicClient(rig)
    await trustClient(rig.core, by, id)
    await trustClient(rig.core, by, id, false)
    await revokeClient(rig.core, by, id)
    await restoreClient(rig.core, by, id)
    const codes = (await rig.auditEvents()).map((event) => event.code)
    expect(codes.slice(-4)).toEqual([
      'client.trusted',
      'client.untrusted',
      'client.revoked',
      'client.restored',
    ])
  })
})
