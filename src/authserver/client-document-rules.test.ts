import { describe, expect, it } from 'vitest'
import { CODE, document, HOSTED, URL_A } from '../../test/fixtures/client-origin.ts'
import { isAppError } from '../kernel/app-error.ts'
import { checkDocumentUrl, parseDocument } from './client-document-rules.ts'
import { PINNED_DOCUMENTS } from './pinned-documents.ts'
import { CLAUDE_CALLBACKS, redirectAllowed } from './redirect-rules.ts'

describe('the address of a document', () => {
  it.each([URL_A, HOSTED, CODE, 'https://app.example:8443/a/b', 'https://vscode.dev/oauth/x.json'])(
    'may be %s',
    (url) => {
      expect(checkDocumentUrl(url).href).toBe(url)
    },
  )

  it.each([
    ['http://app.example/client.json', /begin with https/],
    ['HTTPS://app.example/client.json', /begin with https/],
    ['javascript:alert(1)', /begin with https/],
    ['https://app.example', /no path/],
    ['https://app.example/', /no path/],
    ['https://app.example/c#x', /fragment/],
    ['https://app.example/c#', /fragment/],
    ['https://app.example/c?x=1', /query/],
    ['https://user@app.example/c', /user name/],
    ['https://user:pw@app.example/c', /user name/],
    ['https://@app.example/c', /user name/],
    ['https://app.example/a/../c', /dot segments/],
    ['https://app.example/./c', /dot segments/],
    ['https://app.example/%2e%2E/c', /dot segments/],
    ['https://APP.example/c', /usual form/],
    ['https://app.example:443/c', /usual form/],
    ['https://127.1/c', /usual form/],
    ['https://b\u00fccher.example/c', /usual form/],
    ['https://app.example/c d', /usual form/],
    ['https://app.example\\c', /usual form|no path/],
    ['https://app.example/c\n', /usual form/],
    ['https:///c', /no path/],
    ['https://[/c', /not a URL/],
    [`https://app.example/${'x'.repeat(2048)}`, /longer than 2048/],
  ])('may not be %j', (url, why) => {
    expect(() => checkDocumentUrl(url)).toThrow(why)
  })
})

describe('what a document must say', () => {
  const read = (body: unknown) =>
    parseDocument(URL_A, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
  const rule = (body: unknown) => {
    try {
      read(body)
      return 'fine'
    } catch (error) {
      if (!isAppError(error, 'client_document')) throw error
      return error.data?.rule
    }
  }

  it('is brought into the stored form, with nothing in it that we do not use', () => {
    expect(
      read(
        document({
          client_uri: 'https://app.example',
          logo_uri: 'https://app.example/logo.svg',
          jwks_uri: 'https://10.0.0.1/jwks',
          id_token_signed_response_alg: 'RS256',
          grant_types: [
            'authorization_code',
            'refresh_token',
            'urn:ietf:params:oauth:grant-type:jwt-bearer',
          ],
        }),
      ),
    ).toEqual({
      client_id: URL_A,
      client_name: 'App',
      client_uri: 'https://app.example/',
      redirect_uris: ['https://app.example/cb'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'web',
      token_endpoint_auth_method: 'none',
    })
  })

  it('loopback addresses make it native, although it does not say so', () => {
    const claudeCode = parseDocument(CODE, Buffer.from(PINNED_DOCUMENTS.get(CODE)!))
    expect(claudeCode).toMatchObject({ client_name: 'Claude Code', application_type: 'native' })
    const { redirect_uris } = claudeCode
    expect(redirectAllowed(redirect_uris, 'http://localhost:52163/callback')).toBe(true)
    expect(redirectAllowed(redirect_uris, 'http://127.0.0.1:52163/callback')).toBe(true)
    expect(redirectAllowed(redirect_uris, 'http://[::1]:52163/callback')).toBe(false)
  })

  it('the pinned copy of hosted Claude has both callbacks', () => {
    const hosted = parseDocument(HOSTED, Buffer.from(PINNED_DOCUMENTS.get(HOSTED)!))
    expect(hosted.redirect_uris).toEqual(CLAUDE_CALLBACKS)
    expect(hosted.client_name).toBe('Claude')
  })

  it('offers none among its methods, chosen or listed', () => {
    expect(rule(document({ token_endpoint_auth_method: undefined }))).toBe('fine')
    const listed = document({
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    })
    expect(read(listed).token_endpoint_auth_method).toBe('none')
    expect(rule({ ...listed, token_endpoint_auth_methods_supported: ['private_key_jwt'] })).toBe(
      'metadata',
    )
    expect(rule(document({ token_endpoint_auth_method: 'client_secret_post' }))).toBe('metadata')
  })

  it.each([
    ['client-id', document({ client_id: `${URL_A}/` })],
    ['client-id', document({ client_id: 'https://APP.example/client.json' })],
    ['client-id', document({ client_id: undefined })],
    ['secret', document({ client_secret: 'x' })],
    ['secret', document({ client_secret_expires_at: 0 })],
    ['json', '<html>'],
    ['json', '[]'],
    ['json', '"x"'],
    ['json', ''],
    ['json', '{"client_id":"a","client_id":"b"}'],
    ['json', '{"__proto__":{}}'],
    ['size', document({ client_name: 'x'.repeat(5200) })],
    ['metadata', document({ redirect_uris: [] })],
    ['metadata', document({ redirect_uris: ['http://app.example/cb'] })],
    ['metadata', document({ redirect_uris: ['https://app.example/*'] })],
    ['metadata', document({ client_name: 'x'.repeat(201) })],
    ['metadata', document({ grant_types: ['client_credentials'] })],
  ])('breaks the rule %s', (name, body) => {
    expect(rule(body)).toBe(name)
  })
})
