// RFC 8707 resource indicators and the scopes of each endpoint.
import { expect, it } from 'vitest'
import {
  authorizeUrl,
  connect,
  openRig,
  pageOf,
  pkce,
  publicClient,
  redeem,
} from '../../test/fixtures/authserver-rig.ts'
import { storeOpener } from '../../test/fixtures/stores.ts'

const open = storeOpener('sqlite')

const tokenRow = async (rig: Awaited<ReturnType<typeof openRig>>) =>
  rig.core.store.db.selectFrom('access_tokens').selectAll().executeTakeFirstOrThrow()

it.each(['/mcp', '/mcp/', '/s/notes/mcp', '/s/notes/mcp/', '', '/'])(
  'the resource %j is accepted and stored as it was typed',
  async (path) => {
    const rig = await openRig(open)
    const resource = rig.origin + path
    await connect(rig, { params: { resource } })
    expect((await tokenRow(rig)).resource).toBe(resource)
    const grant = await rig.core.store.db.selectFrom('grants').selectAll().executeTakeFirstOrThrow()
    expect(grant.resource).toBe(resource)
  },
)

it.each([
  'https://elsewhere.example/mcp',
  'ORIGIN/MCP',
  'ORIGIN/mcp?x=1',
  'ORIGIN/s/unknown/mcp',
  'ORIGIN/mcp#here',
  'not a url',
  'urn:mcp',
])('the resource %j is invalid_target, and the text names the right one', async (asked) => {
  const rig = await openRig(open)
  const client = await publicClient(rig)
  const resource = asked.replace('ORIGIN', rig.origin)
  const step = await rig.browser().follow(authorizeUrl(rig, client, pkce(), { resource }))
  if (!('left' in step)) throw new Error(await step.page.text())
  expect(step.left.searchParams.get('error')).toBe('invalid_target')
  expect(step.left.searchParams.get('iss')).toBe(rig.origin)
  if (URL.canParse(resource) && !asked.includes('#'))
    expect(step.left.searchParams.get('error_description')).toContain(`${rig.origin}/mcp`)
})

it('a client of 2025-03-26 that sends no resource gets a token for /mcp', async () => {
  const rig = await openRig(open)
  await connect(rig, { params: { resource: undefined } })
  expect((await tokenRow(rig)).resource).toBe(`${rig.origin}/mcp`)
})

it('two resources at once are refused', async () => {
  const rig = await openRig(open)
  const client = await publicClient(rig)
  const url = `${authorizeUrl(rig, client, pkce())}&resource=${encodeURIComponent(`${rig.origin}/s/notes/mcp`)}`
  const step = await rig.browser().follow(url)
  expect('left' in step && step.left.searchParams.get('error')).toBe('invalid_target')
})

it('the token request may write the same endpoint with or without a slash, but not another one', async () => {
  const rig = await openRig(open)
  const client = await publicClient(rig)
  for (const [path, asked, works] of [
    ['/mcp', '/mcp/', true],
    ['/mcp/', '/mcp', true],
    ['', '/mcp', true],
    ['/s/notes/mcp', '/mcp', false],
    ['/mcp', '/s/notes/mcp', false],
  ] as const) {
    const keys = pkce()
    const url = authorizeUrl(rig, client, keys, { resource: rig.origin + path })
    const code = (await rig.browser().approve(url)).searchParams.get('code')!
    const answer = await rig.tokenRequest({
      grant_type: 'authorization_code',
      code,
      code_verifier: keys.verifier,
      redirect_uri: client.redirect,
      client_id: client.id,
      resource: rig.origin + asked,
    })
    expect([path, asked, answer.json.error], JSON.stringify(answer.json)).toEqual([
      path,
      asked,
      works ? undefined : 'invalid_target',
    ])
  }
})

it.each([
  [undefined, '/mcp', 'mcp'],
  ['offline_access', '/mcp', 'mcp'],
  ['mcp:tools profile email', '/mcp', 'mcp'],
  ['notes:read nonsense stripe:admin', '/mcp', 'notes:read stripe:admin'],
  ['notes:read stripe:admin', '/s/notes/mcp', 'notes:read'],
  ['stripe:read', '/s/notes/mcp', 'mcp'],
  ['stripe:admin mcp notes:read mcp', '/mcp', 'mcp notes:read stripe:admin'],
])('asking %j of %s gives %j', async (scope, path, granted) => {
  const rig = await openRig(open)
  const { response } = await connect(rig, { params: { scope, resource: rig.origin + path } })
  expect(response.json.scope).toBe(granted)
  expect((await tokenRow(rig)).scopes).toBe(granted)
})

it('scopes of a server that is added later are there at once, and gone when it is removed', async () => {
  const rig = await openRig(open)
  const client = await publicClient(rig)
  rig.servers.push('later')
  const first = await connect(rig, { client, params: { scope: 'later:write' } })
  expect(first.response.json.scope).toBe('later:write')
  rig.servers.pop()
  const second = await connect(rig, { client, params: { scope: 'later:write' } })
  expect(second.response.json.scope).toBe('mcp')
})

it('openid gives an ID token about the person, signed with a published key, and no access', async () => {
  const rig = await openRig(open)
  const { response } = await connect(rig, { params: { scope: 'openid notes:read', nonce: 'n-1' } })
  const [, payload] = String(response.json.id_token).split('.')
  expect(JSON.parse(Buffer.from(payload!, 'base64url').toString())).toMatchObject({
    sub: rig.alice.id,
    iss: rig.origin,
    nonce: 'n-1',
  })
  expect(response.json.scope).toBe('notes:read')
  const { keys } = (await (await fetch(`${rig.origin}/oauth/jwks`)).json()) as { keys: unknown }
  expect(keys).toEqual([expect.objectContaining({ kty: 'EC', alg: 'ES256', use: 'sig' })])
  expect(JSON.stringify(keys)).not.toContain('"d"')
})

it('the consent page offers neither openid nor offline_access', async () => {
  const rig = await openRig(open)
  const client = await publicClient(rig)
  const browser = rig.browser()
  const scope = 'openid offline_access notes:read'
  const step = await browser.follow(authorizeUrl(rig, client, pkce(), { scope, prompt: 'consent' }))
  const { at } = await pageOf(step)
  const { json } = await pageOf(await browser.submit(at, { login: 'alice' }))
  expect(json.interaction.scopes.map(({ name }) => name)).toEqual(['notes:read'])
})

it('threats 12: a code for one endpoint gives a token for that endpoint only', async () => {
  const rig = await openRig(open)
  const client = await publicClient(rig)
  const keys = pkce()
  const url = authorizeUrl(rig, client, keys, { resource: `${rig.origin}/s/notes/mcp` })
  const code = (await rig.browser().approve(url)).searchParams.get('code')!
  expect((await redeem(rig, client, code, keys)).status).toBe(200)
  expect((await tokenRow(rig)).resource).toBe(`${rig.origin}/s/notes/mcp`)
})
