// RFC 7009 revocation and RFC 7662 introspection.
import { expect, it } from 'vitest'
import {
  connect,
  credentials,
  openRig,
  publicClient,
  type Rig,
  refresh,
  type TestClient,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

const confidential = (rig: Rig, method = 'client_secret_post') =>
  publicClient(rig, { token_endpoint_auth_method: method })

const revoke = (rig: Rig, client: TestClient, token: string) =>
  rig.post('/oauth/revoke', { token, ...credentials(client) })

const introspect = (rig: Rig, client: TestClient, token: string) =>
  rig.post('/oauth/introspect', { token, ...credentials(client) })

const live = async (rig: Rig) => {
  const rows = await rig.core.store.db
    .selectFrom('grants')
    .select(['id', 'revoked_reason'])
    .where('revoked_at', 'is', null)
    .execute()
  return rows.length
}

forEachStore((_name, open) => {
  for (const kind of ['access', 'refresh'] as const)
    it(`revoking the ${kind} token ends the whole connection at once`, async () => {
      const rig = await openRig(open)
      const connection = await connect(rig)
      const answer = await revoke(rig, connection.client, connection[kind])
      expect(answer.status).toBe(200)
      expect(await live(rig)).toBe(0)
      const token = await rig.core.store.db
        .selectFrom('access_tokens')
        .selectAll()
        .executeTakeFirstOrThrow()
      expect(token.revoked_at).not.toBeNull()
      const after = await refresh(rig, connection.client, connection.refresh)
      expect(after.json.error).toBe('invalid_grant')
      expect((await rig.authEvents('auth.request_refused')).at(-1)?.reason).toBe('grant not found')
      const [audit] = await rig.auditEvents('grant.revoked')
      expect(audit).toMatchObject({ reason: 'The client gave the connection up.' })
      expect(await rig.authEvents('auth.token_revoked')).toHaveLength(1)
    })

  it('revoking twice, or a token that never was, is 200 and changes nothing', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    await revoke(rig, connection.client, connection.refresh)
    expect((await revoke(rig, connection.client, connection.refresh)).status).toBe(200)
    expect((await revoke(rig, connection.client, 'mt_nonsense')).status).toBe(200)
    expect(await rig.auditEvents('grant.revoked')).toHaveLength(1)
  })

  it('revoking with a refresh token that was rotated long ago is the wish of the client, no alert', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    await refresh(rig, connection.client, connection.refresh)
    await revoke(rig, connection.client, connection.refresh)
    expect(await live(rig)).toBe(0)
    expect(await rig.authEvents('auth.refresh_reuse')).toEqual([])
  })

  it('a client cannot revoke the tokens of another one', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const stranger = await publicClient(rig, { client_name: 'Stranger' })
    expect((await revoke(rig, stranger, connection.refresh)).status).toBe(200)
    const partner = await confidential(rig)
    expect((await revoke(rig, partner, connection.refresh)).status).toBe(400)
    expect(await live(rig)).toBe(1)
  })

  it('C18: revoking one sign-in keeps the other of the same person, browser and client', async () => {
    const rig = await openRig(open)
    const first = await connect(rig)
    const second = await connect(rig, { client: first.client, browser: first.browser })
    await revoke(rig, first.client, first.refresh)
    expect((await refresh(rig, first.client, first.refresh)).status).toBe(400)
    expect((await refresh(rig, second.client, second.refresh)).status).toBe(200)
    expect(await live(rig)).toBe(1)
  })

  it('RFC 7662: a confidential client learns about its own tokens only', async () => {
    const rig = await openRig(open)
    const client = await confidential(rig)
    const connection = await connect(rig, { client, params: { scope: 'notes:read' } })
    const { status, json } = await introspect(rig, client, connection.access)
    expect(status).toBe(200)
    expect(json).toMatchObject({
      active: true,
      scope: 'notes:read',
      client_id: client.id,
      sub: rig.alice.id,
      aud: `${rig.origin}/mcp`,
      iss: rig.origin,
      token_type: 'Bearer',
      exp: expect.any(Number),
    })
    expect((await introspect(rig, client, connection.refresh)).json.active).toBe(true)
    const other = await confidential(rig, 'client_secret_basic')
    expect((await introspect(rig, other, connection.access)).json).toEqual({ active: false })
    const stranger = await publicClient(rig)
    expect((await introspect(rig, stranger, connection.access)).json).toEqual({ active: false })
    const wrong = await introspect(rig, { ...client, secret: 'wrong' }, connection.access)
    expect([wrong.status, wrong.json.error]).toEqual([401, 'invalid_client'])
    await revoke(rig, client, connection.access)
    expect((await introspect(rig, client, connection.access)).json).toEqual({ active: false })
  })

  it('RFC 7662: a refresh token that was rotated is not active, though a lost reply may still repeat it', async () => {
    const rig = await openRig(open)
    const client = await confidential(rig)
    const connection = await connect(rig, { client })
    const second = await refresh(rig, client, connection.refresh)
    expect((await introspect(rig, client, connection.refresh)).json.active).toBe(false)
    expect((await introspect(rig, client, second.json.refresh_token)).json.active).toBe(true)
  })
})
