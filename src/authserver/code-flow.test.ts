// OAuth 2.1 code flow over HTTP: PKCE (RFC 7636), issuer (RFC 9207), single use of codes, consent.
import { expect, it } from 'vitest'
import { connect, openRig } from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

forEachStore((_name, open) => {
  it('a person signs in, consents, and the client gets an opaque access token and a refresh token', async () => {
    const rig = await openRig(open)
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
})
