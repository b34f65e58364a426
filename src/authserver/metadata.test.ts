// RFC 8414, OpenID Connect Discovery and RFC 9728 documents, with and without path insertion; nothing from the Host.
import { request } from 'node:http'
import { expect, it } from 'vitest'
import {
  authorizeUrl,
  connect,
  openRig,
  pkce,
  publicClient,
  type Rig,
} from '../../test/fixtures/authserver-rig.ts'
import { storeOpener } from '../../test/fixtures/stores.ts'

const open = storeOpener('sqlite')
const AS = '/.well-known/oauth-authorization-server'
const OIDC = '/.well-known/openid-configuration'
const PRM = '/.well-known/oauth-protected-resource'

const get = async (rig: Rig, path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(rig.origin + path, { headers })
  return {
    status: response.status,
    headers: response.headers,
    json: (await response.json()) as Record<string, unknown>,
  }
}

/** fetch() does not let a test choose the Host header. */
function rawGet(rig: Rig, path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    request(rig.origin + path, { headers }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(JSON.stringify(response.headers) + text))
    })
      .on('error', reject)
      .end()
  })
}

it('the document has what MCP clients need, all below the issuer', async () => {
  const rig = await openRig(open)
  const { json, headers } = await get(rig, AS)
  expect(json).toMatchObject({
    issuer: rig.origin,
    authorization_endpoint: `${rig.origin}/oauth/authorize`,
    token_endpoint: `${rig.origin}/oauth/token`,
    registration_endpoint: `${rig.origin}/oauth/register`,
    revocation_endpoint: `${rig.origin}/oauth/revoke`,
    introspection_endpoint: `${rig.origin}/oauth/introspect`,
    pushed_authorization_request_endpoint: `${rig.origin}/oauth/par`,
    jwks_uri: `${rig.origin}/oauth/jwks`,
    code_challenge_methods_supported: ['S256'],
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_post', 'client_secret_basic'],
    revocation_endpoint_auth_methods_supported: [
      'none',
      'client_secret_post',
      'client_secret_basic',
    ],
    introspection_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    id_token_signing_alg_values_supported: ['ES256'],
    scopes_supported: [
      'mcp',
      'notes:read',
      'notes:write',
      'notes:admin',
      'stripe:read',
      'stripe:write',
      'stripe:admin',
    ],
  })
  for (const absent of [
    'userinfo_endpoint',
    'end_session_endpoint',
    'dpop_signing_alg_values_supported',
  ])
    expect(json).not.toHaveProperty(absent)
  expect(headers.get('cache-control')).toBe('public, max-age=60')
  expect(headers.getSetCookie()).toEqual([])
})

it.each([OIDC, `${AS}/mcp`, `${AS}/mcp/`, `${AS}/s/notes/mcp`, `${OIDC}/mcp`, `/mcp${OIDC}`])(
  '%s is the same document',
  async (path) => {
    const rig = await openRig(open)
    expect((await get(rig, path)).json).toEqual((await get(rig, AS)).json)
  },
)

it('threats 3: a foreign Host, X-Forwarded-Host or scheme changes no address anywhere', async () => {
  const rig = await openRig(open)
  const client = await publicClient(rig)
  const evil = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    forwarded: 'host=evil.example',
  }
  const query = new URLSearchParams({
    client_id: client.id,
    response_type: 'code',
    redirect_uri: client.redirect,
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  })
  for (const path of [
    AS,
    OIDC,
    `${PRM}/mcp`,
    '/oauth/jwks',
    `/oauth/authorize?${query.toString()}`,
  ]) {
    const answer = await rawGet(rig, path, evil)
    expect(answer).not.toContain('evil.example')
    expect(answer).not.toContain('https://127')
  }
  await connect(rig, { client })
})

it('what is switched off is not advertised', async () => {
  const rig = await openRig(open)
  rig.auth.registration = false
  rig.auth.clientDocuments = false
  const { json } = await get(rig, AS)
  expect(json).not.toHaveProperty('registration_endpoint')
  expect(json).not.toHaveProperty('client_id_metadata_document_supported')
})

it.each([
  ['', '/mcp'],
  ['/mcp', '/mcp'],
  ['/mcp/', '/mcp/'],
  ['/s/notes/mcp', '/s/notes/mcp'],
  ['/s/notes/mcp/', '/s/notes/mcp/'],
])('RFC 9728: the document at %j names the resource %j as typed', async (about, resource) => {
  const rig = await openRig(open)
  const { json } = await get(rig, PRM + about)
  expect(json).toEqual({
    resource: rig.origin + resource,
    authorization_servers: [rig.origin],
    scopes_supported: resource.startsWith('/s/')
      ? ['mcp', 'notes:read', 'notes:write', 'notes:admin']
      : expect.arrayContaining(['mcp', 'notes:read', 'stripe:admin']),
    bearer_methods_supported: ['header'],
    resource_name: resource.startsWith('/s/') ? 'Mooring: notes' : 'Mooring',
  })
  expect(JSON.stringify(json)).not.toContain('offline_access')
  expect(rig.server.protectedResource(about)).toEqual(json)
})

it.each([
  [`${PRM}/s/unknown/mcp`, `${PRM}/mcp`],
  [`${PRM}/MCP`, `${PRM}/mcp`],
  [`${AS}/elsewhere`, AS],
  ['/.well-known/nothing', AS],
  ['/oauth/unknown', AS],
])('%s is 404 JSON that names %s', async (path, right) => {
  const rig = await openRig(open)
  const { status, json } = await get(rig, path)
  expect(status).toBe(404)
  expect(String(json.remedy)).toContain(rig.origin + right)
})

it('a wrong method is 405 and says which is right', async () => {
  const rig = await openRig(open)
  for (const [path, method, allow] of [
    ['/oauth/token', 'GET', 'POST, OPTIONS'],
    ['/oauth/authorize', 'POST', 'GET'],
    [AS, 'POST', 'GET, OPTIONS'],
  ] as const) {
    const response = await fetch(rig.origin + path, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
  }
})

it('CORS: pages of allowed origins may read the answers of the endpoints, others may not', async () => {
  const rig = await openRig(open)
  rig.allowedOrigins.push('https://inspector.example')
  const endpoints = [
    AS,
    `${PRM}/mcp`,
    '/oauth/token',
    '/oauth/register',
    '/oauth/revoke',
    '/oauth/jwks',
  ]
  for (const path of endpoints)
    for (const [origin, allowed] of [
      ['https://inspector.example', true],
      [rig.origin, true],
      ['https://evil.example', false],
    ] as const) {
      const method = path.startsWith('/oauth') && path !== '/oauth/jwks' ? 'POST' : 'GET'
      const preflight = await fetch(rig.origin + path, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': method },
      })
      const answer = await fetch(rig.origin + path, { method, headers: { origin } })
      for (const response of [preflight, answer]) {
        expect(response.headers.get('access-control-allow-origin')).toBe(allowed ? origin : null)
        expect(response.headers.get('vary')).toContain('Origin')
        expect(response.headers.has('access-control-allow-credentials')).toBe(false)
      }
      expect(preflight.status).toBe(204)
      expect(preflight.headers.get('access-control-allow-methods')).toBe(allowed ? method : null)
    }
})

it('behind TLS the cookies are Secure and bound to the host by their prefix', async () => {
  const origin = 'https://tools.example'
  const rig = await openRig(open, {
    publicUrl: () => origin,
    endpoints: { resolve: () => ({ path: '/mcp', serverName: null }) },
  })
  const client = await publicClient(rig)
  const { json } = await get(rig, AS)
  expect([json.issuer, json.token_endpoint]).toEqual([origin, `${origin}/oauth/token`])
  const url = new URL(authorizeUrl(rig, client, pkce(), { resource: `${origin}/mcp` }))
  const response = await fetch(url, { redirect: 'manual' })
  const cookies = response.headers.getSetCookie()
  expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual([
    '__Secure-mooring_request',
    '__Secure-mooring_request.sig',
    '__Secure-mooring_resume',
    '__Secure-mooring_resume.sig',
  ])
  for (const cookie of cookies) expect(cookie.toLowerCase()).toMatch(/secure; httponly/)
})
