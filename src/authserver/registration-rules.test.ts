import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CLAUDE_CALLBACKS, checkRedirectUri } from './redirect-rules.ts'
import { cleanName, normaliseRegistration } from './registration-rules.ts'

const SCOPES = ['mcp', 'notes:read', 'notes:write']
const register = (body: unknown) => normaliseRegistration(body, { scopes: SCOPES })

function accepted(body: unknown) {
  const result = register(body)
  if (!result.ok) throw new Error(`${result.error}: ${result.description}`)
  return result
}

function refused(body: unknown) {
  const result = register(body)
  if (result.ok) throw new Error('was accepted')
  expect(result.description).toMatch(/^[\x20-\x7e]{10,600}$/)
  return `${result.error}: ${result.description}`
}

const claudeHosted = {
  client_name: 'Claude',
  client_uri: 'https://claude.ai/api/mcp/auth_callback',
  redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_post',
  scope: 'mcp notes:read notes:write claudeai openid offline_access',
}
const claudeCode = {
  client_name: 'Claude Code (notes)',
  redirect_uris: ['http://localhost:52163/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  application_type: 'native',
  scope: 'mcp:tools offline_access',
}

describe('registrations as real clients send them', () => {
  it('hosted Claude: confidential, six scopes, client_uri equal to the callback', () => {
    const { metadata, scopes, fingerprint } = accepted(claudeHosted)
    expect(metadata).toEqual({
      client_name: 'Claude',
      client_uri: 'https://claude.ai/api/mcp/auth_callback',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
      application_type: 'web',
    })
    expect(scopes).toEqual(['mcp', 'notes:read', 'notes:write'])
    expect(fingerprint).toBeNull()
  })

  it('Claude Code: public, one loopback address, with and without application_type', () => {
    const result = accepted(claudeCode)
    expect(result.metadata.application_type).toBe('native')
    expect(result.metadata.token_endpoint_auth_method).toBe('none')
    expect(result.scopes).toEqual([])
    const { application_type: _, ...without } = claudeCode
    expect(accepted(without)).toEqual(result)
  })

  it('both Claude callbacks at once', () => {
    const { metadata } = accepted({ ...claudeHosted, redirect_uris: [...CLAUDE_CALLBACKS] })
    expect(metadata.redirect_uris).toEqual(CLAUDE_CALLBACKS)
  })

  it('Cursor, VS Code and a phone app', () => {
    const cursor = accepted({ redirect_uris: ['cursor://anysphere.cursor-mcp/oauth/callback'] })
    expect(cursor.metadata.application_type).toBe('native')
    expect(cursor.metadata.client_name).toBe('cursor:')
    const code = accepted({
      redirect_uris: [
        'https://vscode.dev/redirect',
        'http://127.0.0.1/',
        'http://127.0.0.1:33418/',
      ],
    })
    expect(code.metadata.application_type).toBe('web')
    const mixed = accepted({ redirect_uris: ['https://example.com/cb', 'com.example.app:/cb'] })
    expect(mixed.metadata.application_type).toBe('native')
  })

  it('the smallest possible body, with every default filled in', () => {
    expect(accepted({ redirect_uris: ['https://example.com/cb'] }).metadata).toEqual({
      client_name: 'example.com',
      redirect_uris: ['https://example.com/cb'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'web',
      token_endpoint_auth_method: 'client_secret_basic',
    })
  })

  it('a wrong application_type is corrected from the addresses', () => {
    const body = { redirect_uris: ['http://localhost/cb'], application_type: 'web' }
    expect(accepted(body).metadata.application_type).toBe('native')
    const web = { redirect_uris: ['https://example.com/cb'], application_type: 'native' }
    expect(accepted(web).metadata.application_type).toBe('web')
  })
})

describe('what falls away', () => {
  const base = { redirect_uris: ['https://example.com/cb'], token_endpoint_auth_method: 'none' }
  const plain = accepted(base)

  it.each([
    [
      'null',
      { logo_uri: null, client_uri: null, client_name: null, scope: null, grant_types: null },
    ],
    ['empty', { logo_uri: '', contacts: [], client_name: '', scope: '', grant_types: [] }],
    ['keys', { jwks_uri: 'https://10.0.0.1/', jwks: { keys: [] } }],
    [
      'addresses',
      { sector_identifier_uri: 'https://x.example/', request_uris: ['https://x.example'] },
    ],
    ['pictures', { logo_uri: 'https://x.example/l.png', tos_uri: 'https://x.example/' }],
    ['algorithms', { id_token_signed_response_alg: 'RS256', userinfo_signed_response_alg: 'none' }],
    ['switches', { require_auth_time: true, default_max_age: 5, dpop_bound_access_tokens: true }],
    ['secrets', { client_id: 'mine', client_secret: 'chosen', client_secret_expires_at: 0 }],
    ['unknown', { 'client_name#de': 'Klaus', software_id: 'x', anything: { nested: [1] } }],
    ['prototype', JSON.parse('{"__proto__":{"polluted":true},"constructor":1}')],
  ])('%s members', (_, extra) => {
    expect(accepted({ ...base, ...extra })).toEqual(plain)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('grant types that we do not have', () => {
    const { metadata } = accepted({
      ...base,
      grant_types: ['implicit', 'refresh_token', 'authorization_code', 'client_credentials'],
    })
    expect(metadata.grant_types).toEqual(['authorization_code', 'refresh_token'])
    const one = accepted({ ...base, grant_types: ['authorization_code'] })
    expect(one.metadata.grant_types).toEqual(['authorization_code'])
  })

  it('response types beside code', () => {
    const { metadata } = accepted({ ...base, response_types: ['code', 'token', 'id_token'] })
    expect(metadata.response_types).toEqual(['code'])
  })

  it('unknown scopes, and no scope is stored as a ceiling', () => {
    const result = accepted({ ...base, scope: 'notes:write  files:admin mcp ' })
    expect(result.scopes).toEqual(['mcp', 'notes:write'])
    expect(result.metadata).not.toHaveProperty('scope')
  })

  it('repeated redirect addresses', () => {
    const { metadata } = accepted({
      ...base,
      redirect_uris: ['https://a.example/', 'https://a.example/'],
    })
    expect(metadata.redirect_uris).toEqual(['https://a.example/'])
  })

  it.each([
    'http://example.com/',
    'javascript:alert(1)',
    'https://u:p@example.com/',
    'nonsense',
    7,
    `https://example.com/${'x'.repeat(2100)}`,
  ])('the client_uri %s', (client_uri) => {
    expect(accepted({ ...base, client_uri }).metadata).not.toHaveProperty('client_uri')
  })
})

describe('what is refused', () => {
  const base = { redirect_uris: ['https://example.com/cb'] }

  it.each([null, undefined, 7, 'x', [], [base]])('a body that is %j', (body) => {
    expect(refused(body)).toMatch(/^invalid_client_metadata: .*JSON object/)
  })

  it('too many members, too much text, too long a name', () => {
    const many = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`m${i}`, 1]))
    expect(refused({ ...base, ...many })).toMatch(/more than 64 members/)
    expect(refused({ ...base, x: 'a'.repeat(20_000) })).toMatch(/longer than 20000/)
    expect(refused({ ...base, client_name: 'a'.repeat(201) })).toMatch(/client_name is longer/)
    expect(accepted({ ...base, client_name: 'a'.repeat(200) }).metadata.client_name).toHaveLength(
      200,
    )
  })

  it.each([undefined, null, []])('redirect_uris that are %j', (redirect_uris) => {
    expect(refused({ redirect_uris })).toMatch(/^invalid_redirect_uri: .*missing/)
  })

  it.each([
    'https://example.com/cb',
    { 0: 'https://example.com/' },
    [7],
    [null],
    [['https://x.y/']],
  ])('redirect_uris of the wrong type: %j', (redirect_uris) => {
    expect(refused({ redirect_uris })).toMatch(/^invalid_redirect_uri: .*list of strings/)
  })

  it('too many redirect addresses', () => {
    const redirect_uris = Array.from({ length: 21 }, (_, i) => `https://example.com/${i}`)
    expect(refused({ redirect_uris })).toMatch(/more than 20/)
  })

  it.each([
    ['https://claude.ai/*', /invalid_redirect_uri: .*claude\.ai\/\*.*compared exactly/],
    ['http://evil.example/cb', /invalid_redirect_uri: .*Plain http/],
    ['javascript:alert(1)', /invalid_redirect_uri: .*javascript/],
    ['https://example.com/#x', /invalid_redirect_uri: .*fragment/],
    ['https://u@example.com/', /invalid_redirect_uri: .*user name/],
    ['https://example.com/"><script>\u0007', /invalid_redirect_uri: .*\?><script>\?/],
  ])('one bad address among good ones: %s', (uri, why) => {
    expect(refused({ redirect_uris: ['https://example.com/cb', uri] })).toMatch(why)
  })

  it.each([
    [{ grant_types: ['refresh_token'] }, /authorization_code/],
    [{ grant_types: ['implicit'] }, /authorization_code/],
    [{ grant_types: 'authorization_code' }, /^invalid_client_metadata: grant_types/],
    [{ response_types: ['token'] }, /must include code/],
    [{ response_types: [1] }, /^invalid_client_metadata: response_types/],
    [{ token_endpoint_auth_method: 'private_key_jwt' }, /private_key_jwt.*Use none/],
    [{ token_endpoint_auth_method: 'None' }, /not supported/],
    [{ token_endpoint_auth_method: 5 }, /^invalid_client_metadata: token_endpoint_auth_method/],
    [{ scope: ['mcp'] }, /^invalid_client_metadata: scope/],
    [{ scope: 'x'.repeat(8001) }, /^invalid_client_metadata: scope/],
    [{ client_name: { en: 'x' } }, /^invalid_client_metadata: client_name/],
  ])('%j', (extra, why) => {
    expect(refused({ ...base, ...extra })).toMatch(why)
  })
})

describe('names of clients', () => {
  it.each([
    ['Claude\u202eedoC', 'ClaudeedoC'],
    ['  Claude\n\tCode\u0000 ', 'Claude Code'],
    ['Cl\u200baude\ufeff', 'Claude'],
    ['\u2066evil\u2069', 'evil'],
    ['\u{e0041}tag', 'tag'],
    ['e\u0301', 'é'],
    [`a${'\u0335'.repeat(50)}b`, `a${'\u0335'.repeat(3)}b`],
    ['\ud800x', '\ufffdx'],
    ['\u3164\u3164', ''],
    ['<b>Claude & "Co"</b>', '<b>Claude & "Co"</b>'],
    ['クロード 日本', 'クロード 日本'],
  ])('%j becomes %j', (name, clean) => {
    expect(cleanName(name)).toBe(clean)
  })

  it('an invisible name gives way to the host', () => {
    const { metadata } = accepted({
      redirect_uris: ['https://example.com/'],
      client_name: '\u200b \u202e',
    })
    expect(metadata.client_name).toBe('example.com')
  })

  it('cleaning twice changes nothing more', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(cleanName(cleanName(name))).toBe(cleanName(name))
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('the fingerprint', () => {
  const base = { ...claudeCode }

  it('is equal for registrations that say the same', () => {
    const { fingerprint } = accepted(base)
    expect(fingerprint).toMatch(/^[\w-]{43}$/)
    const reordered = Object.fromEntries(Object.entries(base).reverse())
    expect(accepted(reordered).fingerprint).toBe(fingerprint)
    expect(accepted({ ...base, logo_uri: null, contacts: [], scope: 'other' }).fingerprint).toBe(
      fingerprint,
    )
  })

  it.each([
    { client_name: 'Claude Code (files)' },
    { redirect_uris: ['http://localhost:52164/callback'] },
    { redirect_uris: ['http://127.0.0.1:52163/callback'] },
    { grant_types: ['authorization_code'] },
    { client_uri: 'https://claude.ai/' },
  ])('differs when %j', (other) => {
    expect(accepted({ ...base, ...other }).fingerprint).not.toBe(accepted(base).fingerprint)
  })

  it('is missing when a secret will be issued: two programs must not share it', () => {
    for (const token_endpoint_auth_method of ['client_secret_post', 'client_secret_basic'])
      expect(accepted({ ...base, token_endpoint_auth_method }).fingerprint).toBeNull()
  })
})

it('whatever is accepted is well formed, whatever was sent', () => {
  const uri = fc.oneof(
    fc.webUrl(),
    fc.constantFrom('http://localhost/cb', 'https://a.example/', 'cursor://x/y'),
    fc.string(),
  )
  const odd = fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.jsonValue() },
    { weight: 1, arbitrary: fc.string() },
  )
  const body = fc.record(
    {
      redirect_uris: fc.oneof(fc.array(uri, { maxLength: 3 }), odd),
      client_name: odd,
      grant_types: fc.oneof(
        fc.array(fc.constantFrom('authorization_code', 'refresh_token', 'x')),
        odd,
      ),
      response_types: fc.oneof(fc.constant(['code']), odd),
      token_endpoint_auth_method: fc.oneof(fc.constantFrom('none', 'client_secret_post'), odd),
      scope: fc.oneof(fc.constant('mcp x'), odd),
      application_type: odd,
      client_uri: odd,
      jwks: odd,
    },
    { requiredKeys: [] },
  )
  let ok = 0
  fc.assert(
    fc.property(body, (value) => {
      const result = register(value)
      if (!result.ok) return
      ok++
      const { metadata } = result
      expect(metadata.redirect_uris.length).toBeGreaterThan(0)
      for (const redirect of metadata.redirect_uris) expect(checkRedirectUri(redirect)).toBeNull()
      expect(metadata.grant_types).toContain('authorization_code')
      expect(SCOPES).toEqual(expect.arrayContaining(result.scopes))
      expect(Object.values(metadata)).not.toContain(null)
      expect(metadata.client_name.length).toBeLessThanOrEqual(200)
    }),
    { numRuns: 5_000 },
  )
  expect(ok).toBeGreaterThan(50)
})
