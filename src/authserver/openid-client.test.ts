// The whole life of a connection driven by openid-client 6, which knows nothing of our code: discovery, registration,
// authorization, refresh, introspection, revocation, PAR.
import * as oidc from 'openid-client'
import { expect, it } from 'vitest'
import { openRig } from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

const insecure = { execute: [oidc.allowInsecureRequests] }
const CALLBACK = 'http://127.0.0.1:40123/callback'

forEachStore((_name, open) => {
  it.each(['oauth2', 'oidc'] as const)(
    'a public client found by %s discovery',
    async (algorithm) => {
      const rig = await openRig(open)
      const config = await oidc.dynamicClientRegistration(
        new URL(rig.origin),
        {
          redirect_uris: [CALLBACK],
          token_endpoint_auth_method: 'none',
          client_name: 'Independent',
        },
        oidc.None(),
        { algorithm, ...insecure },
      )
      const verifier = oidc.randomPKCECodeVerifier()
      const state = oidc.randomState()
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: CALLBACK,
        scope: 'notes:read',
        resource: `${rig.origin}/mcp`,
        state,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
      const callback = await rig.browser().approve(url.href)
      const tokens = await oidc.authorizationCodeGrant(config, callback, {
        pkceCodeVerifier: verifier,
        expectedState: state,
      })
      expect(tokens).toMatchObject({ scope: 'notes:read', expires_in: 900, token_type: 'bearer' })
      const next = await oidc.refreshTokenGrant(config, tokens.refresh_token!, {
        resource: `${rig.origin}/mcp`,
      })
      expect(next.refresh_token).not.toBe(tokens.refresh_token)
      await oidc.tokenRevocation(config, next.refresh_token!)
      await expect(oidc.refreshTokenGrant(config, next.refresh_token!)).rejects.toMatchObject({
        error: 'invalid_grant',
      })
    },
  )

  it('a confidential client with a secret: pushed request, ID token, introspection', async () => {
    const rig = await openRig(open)
    const config = await oidc.dynamicClientRegistration(
      new URL(rig.origin),
      {
        redirect_uris: ['https://rp.example/cb'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
      undefined,
      { algorithm: 'oidc', ...insecure },
    )
    const verifier = oidc.randomPKCECodeVerifier()
    const nonce = oidc.randomNonce()
    const url = await oidc.buildAuthorizationUrlWithPAR(config, {
      redirect_uri: 'https://rp.example/cb',
      scope: 'openid mcp',
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    const callback = await rig.browser().approve(url.href, { login: 'bob' })
    const tokens = await oidc.authorizationCodeGrant(config, callback, {
      pkceCodeVerifier: verifier,
      expectedNonce: nonce,
      idTokenExpected: true,
    })
    expect(tokens.claims()?.sub).toBe(rig.bob.id)
    const about = await oidc.tokenIntrospection(config, tokens.access_token)
    expect(about).toMatchObject({ active: true, scope: 'mcp', sub: rig.bob.id })
    await oidc.tokenRevocation(config, tokens.access_token)
    expect(await oidc.tokenIntrospection(config, tokens.access_token)).toEqual({ active: false })
  })

  it('it hears an error of the authorization endpoint with the issuer it expects', async () => {
    const rig = await openRig(open)
    const config = await oidc.dynamicClientRegistration(
      new URL(rig.origin),
      { redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' },
      oidc.None(),
      { algorithm: 'oauth2', ...insecure },
    )
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      resource: 'https://elsewhere.example/mcp',
      code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()),
      code_challenge_method: 'S256',
    })
    const step = await rig.browser().follow(url.href)
    if (!('left' in step)) throw new Error('no redirect')
    await expect(oidc.authorizationCodeGrant(config, step.left)).rejects.toMatchObject({
      error: 'invalid_target',
    })
  })
})
