// Refresh tokens rotate (RFC 9700 §4.14), and neither a lost reply nor parallel requests ever log anyone out (C17).
import { afterEach, expect, it, vi } from 'vitest'
import {
  type Answer,
  connect,
  openRig,
  publicClient,
  type Rig,
  refresh,
  type SignedInClient,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Only the calendar is moved: sockets and database drivers keep their timers. */
function later(ms: number) {
  const now = Date.now()
  vi.useFakeTimers({ toFake: ['Date'], now: now + ms })
}

const revoked = async (rig: Rig) =>
  (await rig.core.store.db.selectFrom('grants').select('revoked_reason').execute()).map(
    (row) => row.revoked_reason,
  )

const ok = (answer: Answer) => {
  expect(answer.json, JSON.stringify(answer.json)).toHaveProperty('access_token')
  return answer.json.refresh_token
}

const use = (rig: Rig, { client }: SignedInClient, token: string, extra = {}) =>
  refresh(rig, client, token, extra)

forEachStore((_name, open) => {
  it('each refresh gives a new token, the chain goes on, and the grant lives on from the last one', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const seen = new Set([connection.refresh])
    let token = connection.refresh
    for (let i = 0; i < 4; i++) {
      later(900_000)
      token = ok(await use(rig, connection, token))
      expect(seen.has(token)).toBe(false)
      seen.add(token)
    }
    const grant = await rig.core.store.db.selectFrom('grants').selectAll().executeTakeFirstOrThrow()
    expect(Math.abs(grant.expires_at! - Date.now() - 30 * 86_400_000)).toBeLessThan(5000)
    expect(await rig.authEvents('auth.token_refreshed')).toHaveLength(4)
    expect(await rig.authEvents('auth.refresh_retried')).toEqual([])
  })

  it('the rotated token has a life of its own, also for public web clients', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    later(20 * 86_400_000)
    const second = ok(await use(rig, connection, connection.refresh))
    later(20 * 86_400_000)
    ok(await use(rig, connection, second))
  })

  it('a connection that is not refreshed in time ends, and the log says why', async () => {
    const rig = await openRig(open)
    rig.auth.refreshTokenTtl = 3600
    const connection = await connect(rig)
    later(3_700_000)
    const late = await use(rig, connection, connection.refresh)
    expect([late.status, late.json.error]).toEqual([400, 'invalid_grant'])
    expect((await rig.authEvents('auth.request_refused')).at(-1)?.reason).toBe(
      'refresh token is expired',
    )
  })

  it('a lost reply: the old token works again until its successor has been used', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    ok(await use(rig, connection, connection.refresh))
    later(30_000)
    const second = ok(await use(rig, connection, connection.refresh))
    const [event] = await rig.authEvents('auth.refresh_retried')
    expect(event).toMatchObject({ severity: 'warn', client_id: connection.client.id })
    ok(await use(rig, connection, second))
    expect(await revoked(rig)).toEqual([null])
    const late = await use(rig, connection, connection.refresh)
    expect(late.json.error).toBe('invalid_grant')
    expect(await revoked(rig)).toEqual(['A refresh token was used again after its successor.'])
  })

  it('parallel refreshes with one token all succeed, and the connection lives', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    for (let round = 0, token = connection.refresh; round < 3; round++) {
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => use(rig, connection, token)),
      )
      const next = answers.map(ok)
      expect(new Set(next).size).toBe(4)
      token = next[round]!
    }
    expect(await revoked(rig)).toEqual([null])
    const children = await rig.core.store.db
      .selectFrom('oidc_records')
      .select('parent_hash')
      .where('model', '=', 'RefreshToken')
      .execute()
    expect(children).toHaveLength(1 + 3 * 4)
  })

  it('both successors of a race are good once; using one closes the door for the old token', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const [a, b] = (
      await Promise.all([1, 2].map(() => use(rig, connection, connection.refresh)))
    ).map(ok)
    ok(await use(rig, connection, a!))
    ok(await use(rig, connection, b!))
    expect((await use(rig, connection, connection.refresh)).json.error).toBe('invalid_grant')
    expect(await revoked(rig)).toHaveLength(1)
    expect((await revoked(rig))[0]).not.toBeNull()
  })

  it('reuse after a minute revokes the whole family and is an alert', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const second = ok(await use(rig, connection, connection.refresh))
    later(61_000)
    expect((await use(rig, connection, connection.refresh)).json.error).toBe('invalid_grant')
    expect((await use(rig, connection, second)).json.error).toBe('invalid_grant')
    expect(await revoked(rig)).toEqual(['A refresh token was used again after its successor.'])
    const [reuse] = await rig.authEvents('auth.refresh_reuse')
    expect(reuse).toMatchObject({ severity: 'alert', outcome: 'refused', user_id: rig.alice.id })
    const [audit] = await rig.auditEvents('grant.revoked')
    expect(audit).toMatchObject({ grant_id: reuse?.grant_id, actor_id: connection.client.id })
    const tokens = await rig.core.store.db
      .selectFrom('access_tokens')
      .select('revoked_at')
      .execute()
    expect(tokens.every((token) => token.revoked_at !== null)).toBe(true)
  })

  it('a grandparent is never accepted, however young', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const second = ok(await use(rig, connection, connection.refresh))
    ok(await use(rig, connection, second))
    expect((await use(rig, connection, connection.refresh)).json.error).toBe('invalid_grant')
    expect(await revoked(rig)).not.toEqual([null])
  })

  it('ten retries are enough', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    for (let i = 0; i < 11; i++) ok(await use(rig, connection, connection.refresh))
    expect((await use(rig, connection, connection.refresh)).json.error).toBe('invalid_grant')
    expect(await revoked(rig)).not.toEqual([null])
  })

  it('thirty at once are too many: no more than the rule allows get through, and the family is revoked', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => use(rig, connection, connection.refresh)),
    )
    const through = answers.filter(({ status }) => status === 200).length
    expect(through).toBeGreaterThan(0)
    expect(through).toBeLessThanOrEqual(11)
    expect(await revoked(rig)).toEqual(['A refresh token was used again after its successor.'])
    expect(await rig.authEvents('auth.refresh_reuse')).toHaveLength(1)
    expect(await rig.auditEvents('grant.revoked')).toHaveLength(1)
    const tokens = await rig.core.store.db
      .selectFrom('access_tokens')
      .select('revoked_at')
      .execute()
    expect(tokens.every((token) => token.revoked_at !== null)).toBe(true)
  })

  it('an old token under a new client id is refused without harm: mcp-remote does that when its port moves', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const moved = await publicClient(rig, { redirect_uris: ['http://localhost:4444/cb'] })
    expect((await refresh(rig, moved, connection.refresh)).json.error).toBe('invalid_grant')
    expect((await rig.authEvents('auth.request_refused')).at(-1)?.reason).toBe('client mismatch')
    ok(await use(rig, connection, connection.refresh))
  })

  it('a refresh may repeat scopes that were cut and write the resource with another slash', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig, {
      params: { scope: 'notes:read notes:write offline_access' },
    })
    const answer = await use(rig, connection, connection.refresh, {
      scope: 'notes:read offline_access profile',
      resource: `${rig.origin}/mcp/`,
    })
    ok(answer)
    expect(answer.json.scope).toBe('notes:read')
    const wrong = await use(rig, connection, answer.json.refresh_token, {
      resource: `${rig.origin}/s/notes/mcp`,
    })
    expect(wrong.json.error).toBe('invalid_target')
  })

  it('a person whose account is disabled gets no new token', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    await rig.core.store.transaction(({ db }) =>
      db.updateTable('users').set({ disabled_at: 1 }).where('id', '=', rig.alice.id).execute(),
    )
    expect((await use(rig, connection, connection.refresh)).json.error).toBe('invalid_grant')
  })

  it('a client that may not refresh gets no refresh token, and its grant ends with the access token', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig, { grant_types: ['authorization_code'] })
    const { response } = await connect(rig, { client })
    expect(response.json).not.toHaveProperty('refresh_token')
    expect(response.json).not.toHaveProperty('refresh_token_expires_in')
    expect(Number(response.json.grant_expires_at) * 1000 - Date.now()).toBeLessThan(901_000)
    const grant = await rig.core.store.db.selectFrom('grants').selectAll().executeTakeFirstOrThrow()
    expect(grant.expires_at! - Date.now()).toBeLessThan(901_000)
  })
})
