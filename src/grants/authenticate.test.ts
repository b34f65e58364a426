import { describe, expect, test } from 'vitest'
import {
  addAccessToken,
  addGrant,
  addUser,
  by,
  changeUser,
} from '../../test/fixtures/credential-rows.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { systemRandom } from '../kernel/ids.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import type { Core } from '../logs/core.ts'
import type { Store } from '../store/store.ts'
import { createKey, revokeKey } from './api-keys.ts'
import { type AuthenticatorOptions, createAuthenticator } from './authenticate.ts'
import { revokeGrant } from './grants.ts'
import type { Credentials } from './presented.ts'
import type { Principal } from './principal.ts'
import { newAccessToken, newApiKey } from './token-format.ts'

const bearer = (token: string, ip = '203.0.113.7') => ({ authorization: `Bearer ${token}`, ip })

/** Counts the statements that authenticating runs, and can hold them back. */
function observed<C extends Core>(core: C) {
  const seen = { reads: 0, gate: null as Promise<void> | null, fail: null as Error | null }
  const selectFrom = new Proxy(core.store.db, {
    get(db, name) {
      if (name !== 'selectFrom') return Reflect.get(db, name, db)
      return (table: never) => {
        seen.reads++
        return late(db.selectFrom(table))
      }
    },
  })
  const late = <T extends object>(query: T): T =>
    new Proxy(query, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (name !== 'executeTakeFirst') return late(value.apply(target, args) as object)
          const { gate, fail } = seen
          if (fail) return Promise.reject(fail)
          // The row is read first and handed over later: what a slow network does.
          const row = value.apply(target, args) as Promise<unknown>
          return gate ? Promise.all([row, gate]).then(([found]) => found) : row
        }
      },
    })
  const store: Store = { ...core.store, db: selectFrom }
  return { core: { ...core, store }, seen }
}

forEachStore((_name, open) => {
  const start = async (options: Partial<AuthenticatorOptions> = {}) => {
    const clock = manualClock()
    const { store } = await open(clock)
    const core = testCore(store, clock)
    const { core: watched, seen } = observed(core)
    const publicUrl = { now: 'https://gate.example' }
    const authenticator = createAuthenticator(watched, {
      endpointOf: (url) => {
        const { origin, pathname } = new URL(url)
        return origin === publicUrl.now ? pathname : null
      },
      ...options,
    })
    store.onCommit((_seq, changes) => authenticator.forget(changes))
    const ann = await addUser(core, { login: 'ann', name: 'Ann', role: 'auditor' })
    const grant = await addGrant(core, ann.id)
    const token = await addAccessToken(core, grant)
    /** As a caller has it: thrown or rejected is the same. */
    const ask = async (credentials: Credentials, path = '/mcp') =>
      authenticator.authenticate(credentials, path)
    const refusal = (credentials: Credentials, path = '/mcp') =>
      ask(credentials, path).then(
        () => null,
        (error: unknown) => error as { code: string; message: string; data: { reason: string } },
      )
    const reasonOf = async (credentials: Credentials, path = '/mcp') =>
      (await refusal(credentials, path))?.data.reason ?? 'ok'
    return {
      core,
      clock,
      seen,
      authenticator,
      publicUrl,
      ann,
      grant,
      token,
      ask,
      refusal,
      reasonOf,
    }
  }

  describe('a good credential', () => {
    test('of a grant names user, client, scopes, endpoint and consent', async () => {
      const { core, ann, grant, token, ask } = await start()
      const { event_id } = await core.store.db
        .selectFrom('grants')
        .select('event_id')
        .executeTakeFirstOrThrow()
      expect(await ask(bearer(token))).toEqual({
        id: grant,
        kind: 'grant',
        user: { id: ann.id, login: 'ann', name: 'Ann', role: 'auditor' },
        client: { id: 'cli_claude', name: 'Claude' },
        scopes: new Set(['mcp']),
        resource: '/mcp',
        expiresAt: core.clock.now() + 900_000,
        eventId: event_id,
      } satisfies Principal)
    })

    test('of a key has no client, and works as bearer and in X-API-Key', async () => {
      const { core, ann, ask } = await start()
      const { id, key, expiresAt } = await createKey(core, by(), { userLogin: 'ann', name: 'k' })
      const principal = await ask({ apiKey: key.reveal() })
      expect(principal).toMatchObject({ id, kind: 'key', client: null, resource: null, expiresAt })
      expect(principal.user.id).toBe(ann.id)
      expect(await ask(bearer(key.reveal()))).toBe(principal)
    })

    test('costs one read, then none, and is answered without waiting', async () => {
      const { authenticator, token, ask, seen } = await start()
      const first = await ask(bearer(token))
      expect(seen.reads).toBe(1)
      for (let i = 0; i < 100; i++)
        expect(authenticator.authenticate(bearer(token), '/mcp')).toBe(first)
      expect(seen.reads).toBe(1)
    })

    test('asked for by many at once costs one read', async () => {
      const { token, ask, seen } = await start()
      const all = await Promise.all(Array.from({ length: 50 }, () => ask(bearer(token))))
      expect(new Set(all).size).toBe(1)
      expect(seen.reads).toBe(1)
    })

    test('has the scopes of the token, not those of the grant', async () => {
      const { core, ann, ask } = await start()
      const grant = await addGrant(core, ann.id, { scopes: 'mcp notes:read' })
      const token = await addAccessToken(core, grant, { scopes: 'notes:read' })
      expect((await ask(bearer(token))).scopes).toEqual(new Set(['notes:read']))
    })
  })

  describe('the reason of a refusal', () => {
    test('is missing, malformed or unknown', async () => {
      const { reasonOf, refusal, seen } = await start()
      expect(await reasonOf({})).toBe('missing')
      expect(await reasonOf({ authorization: 'Bearer nonsense' })).toBe('malformed')
      expect(await reasonOf({ apiKey: '<your-key>' })).toBe('malformed')
      const typo = newApiKey(systemRandom).replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))
      expect(await reasonOf({ apiKey: typo })).toBe('malformed')
      expect(seen.reads).toBe(0)
      expect(await refusal({ apiKey: newApiKey(systemRandom) })).toMatchObject({
        code: 'token_unknown',
        data: { reason: 'unknown' },
      })
      expect(await reasonOf(bearer(newAccessToken(systemRandom)))).toBe('unknown')
      expect(seen.reads).toBe(2)
    })

    test('is expired, and says when', async () => {
      const { clock, token, ask, refusal } = await start()
      const at = new Date(clock.now() + 900_000).toISOString()
      clock.advance(899_999)
      await ask(bearer(token))
      clock.advance(1)
      const error = await refusal(bearer(token))
      expect(error).toMatchObject({
        code: 'token_expired',
        data: { reason: 'expired', expiredAt: at },
      })
      expect(error?.message).toContain(at)
      expect(error?.message).toContain('access token')
    })

    test('is expired for a key and for a grant that ended before its token', async () => {
      const { core, clock, ann, refusal } = await start()
      const { key } = await createKey(core, by(), { userLogin: 'ann', name: 'k', ttlMs: 5000 })
      const grant = await addGrant(core, ann.id, { expires_at: clock.now() + 5000 })
      const token = await addAccessToken(core, grant)
      expect(await refusal({ apiKey: key.reveal() })).toBeNull()
      expect(await refusal(bearer(token))).toBeNull()
      clock.advance(5000)
      expect((await refusal({ apiKey: key.reveal() }))?.message).toMatch(/^The API key expired at/)
      expect((await refusal(bearer(token)))?.message).toMatch(/^The connection expired at/)
    })

    test('is revoked, and says when and why', async () => {
      const { core, clock, grant, token, refusal } = await start()
      await revokeGrant(core, by(), grant, 'lost laptop')
      const error = await refusal(bearer(token))
      expect(error).toMatchObject({ code: 'token_revoked', data: { reason: 'revoked', id: grant } })
      expect(error?.message).toContain('lost laptop')
      expect(error?.message).toContain(new Date(clock.now()).toISOString())
    })

    test('is revoked rather than expired when both are true', async () => {
      const { core, clock, grant, token, reasonOf } = await start()
      const { id, key } = await createKey(core, by(), { userLogin: 'ann', name: 'k' })
      await revokeGrant(core, by(), grant, 'x')
      await revokeKey(core, by(), id)
      clock.advance(2 * 3_600_000)
      expect(await reasonOf(bearer(token))).toBe('revoked')
      expect(await reasonOf({ apiKey: key.reveal() })).toBe('revoked')
    })

    test('is the wrong endpoint, and names the right one', async () => {
      const { core, token, refusal, reasonOf } = await start()
      const error = await refusal(bearer(token), '/s/notes/mcp')
      expect(error).toMatchObject({
        code: 'token_wrong_resource',
        data: {
          reason: 'wrong_resource',
          goodFor: 'https://gate.example/mcp',
          asked: '/s/notes/mcp',
        },
      })
      expect(error?.message).toContain('https://gate.example/mcp')
      const { key } = await createKey(core, by(), {
        userLogin: 'ann',
        name: 'k',
        resource: '/s/notes/mcp',
      })
      expect(await reasonOf({ apiKey: key.reveal() }, '/s/notes/mcp')).toBe('ok')
      expect(await refusal({ apiKey: key.reveal() }, '/mcp')).toMatchObject({
        data: { reason: 'wrong_resource', goodFor: '/s/notes/mcp', asked: '/mcp' },
      })
    })

    test('is the disabled account', async () => {
      const { core, clock, ann, token, refusal } = await start()
      const { key } = await createKey(core, by(), { userLogin: 'ann', name: 'k' })
      await changeUser(core, ann.id, { disabled_at: clock.now() })
      for (const credentials of [bearer(token), { apiKey: key.reveal() }])
        expect(await refusal(credentials)).toMatchObject({
          code: 'user_disabled',
          data: { reason: 'user_disabled' },
        })
    })

    test('never repeats the credential', async () => {
      const { core, grant, token, refusal } = await start()
      await revokeGrant(core, by(), grant, 'x')
      const unknown = newAccessToken(systemRandom)
      for (const sent of [token, unknown, `${unknown.slice(0, 51)}`]) {
        const error = await refusal(bearer(sent))
        expect(JSON.stringify([error, error?.message, error?.data])).not.toContain(
          sent.slice(0, 20),
        )
      }
    })

    test('is kept in memory too: a client that keeps trying a dead token costs no reads', async () => {
      const { core, grant, token, reasonOf, seen } = await start()
      await revokeGrant(core, by(), grant, 'x')
      for (let i = 0; i < 20; i++) expect(await reasonOf(bearer(token))).toBe('revoked')
      expect(seen.reads).toBe(1)
    })
  })

  describe('the endpoint', () => {
    test('is the same with and without the slash at its end, on both sides', async () => {
      const { core, grant, token, ask, reasonOf } = await start()
      const slashed = await addAccessToken(core, grant, { resource: 'https://gate.example/mcp/' })
      for (const one of [token, slashed]) {
        expect(await ask(bearer(one), '/mcp')).toMatchObject({ resource: '/mcp' })
        expect(await ask(bearer(one), '/mcp/')).toMatchObject({ resource: '/mcp' })
        expect(await reasonOf(bearer(one), '/s/notes/mcp')).toBe('wrong_resource')
        expect(await reasonOf(bearer(one), '/mcp//')).toBe('wrong_resource')
        expect(await reasonOf(bearer(one), '/mcpx')).toBe('wrong_resource')
        expect(await reasonOf(bearer(one), '/')).toBe('wrong_resource')
      }
    })

    test('of one server is not that of another, nor the whole gateway', async () => {
      const { core, grant, reasonOf } = await start()
      const token = await addAccessToken(core, grant, { resource: 'https://gate.example/s/x/mcp' })
      expect(await reasonOf(bearer(token), '/s/x/mcp')).toBe('ok')
      expect(await reasonOf(bearer(token), '/s/y/mcp')).toBe('wrong_resource')
      expect(await reasonOf(bearer(token), '/mcp')).toBe('wrong_resource')
    })

    test('of another origin is not ours', async () => {
      const { core, grant, refusal } = await start()
      const token = await addAccessToken(core, grant, { resource: 'https://other.example/mcp' })
      const error = await refusal(bearer(token))
      expect(error?.data.reason).toBe('wrong_resource')
      expect(error?.message).toContain('https://other.example/mcp')
      expect(error?.message).toContain('public URL')
    })

    test('follows the public URL when that changes while we run', async () => {
      const { authenticator, publicUrl, token, ask, reasonOf, seen } = await start()
      await ask(bearer(token))
      publicUrl.now = 'https://new.example'
      authenticator.forget([{ topic: 'setting', ref: 'public_url' }])
      expect(await reasonOf(bearer(token))).toBe('wrong_resource')
      publicUrl.now = 'https://gate.example'
      authenticator.forget([{ topic: 'setting', ref: 'public_url' }])
      expect(await reasonOf(bearer(token))).toBe('ok')
      expect(seen.reads).toBe(1)
    })
  })

  describe('revoked means the very next request', () => {
    test('for a grant: its tokens fail, those of other grants and people do not', async () => {
      const { core, ann, grant, token, ask, reasonOf } = await start()
      const bob = await addUser(core, { login: 'bob' })
      const hersToo = await addAccessToken(core, await addGrant(core, ann.id))
      const his = await addAccessToken(core, await addGrant(core, bob.id))
      for (const one of [token, hersToo, his]) await ask(bearer(one))
      await revokeGrant(core, by(), grant, 'x')
      expect(await reasonOf(bearer(token))).toBe('revoked')
      expect(await reasonOf(bearer(hersToo))).toBe('ok')
      expect(await reasonOf(bearer(his))).toBe('ok')
    })

    test('for a key', async () => {
      const { core, reasonOf } = await start()
      const { id, key } = await createKey(core, by(), { userLogin: 'ann', name: 'k' })
      expect(await reasonOf({ apiKey: key.reveal() })).toBe('ok')
      await revokeKey(core, by(), id)
      expect(await reasonOf({ apiKey: key.reveal() })).toBe('revoked')
    })

    test('for a user who is disabled, until enabled again', async () => {
      const { core, ann, token, ask, reasonOf } = await start()
      await ask(bearer(token))
      await changeUser(core, ann.id, { disabled_at: 1 })
      expect(await reasonOf(bearer(token))).toBe('user_disabled')
      await changeUser(core, ann.id, { disabled_at: null })
      expect(await reasonOf(bearer(token))).toBe('ok')
    })

    test('for a client, even when one of its grants was made in the same moment', async () => {
      const { core, ann, ask, reasonOf } = await start()
      const client = (revoked_at: number | null) =>
        core.store.transaction(async ({ db, changed }) => {
          await db.deleteFrom('clients').execute()
          await db
            .insertInto('clients')
            .values({
              id: 'cli_x',
              kind: 'dcr',
              name: 'X',
              metadata: '{}',
              trusted: 0,
              created_at: 1,
              revoked_at,
            } as never)
            .execute()
          changed('client', 'cli_x')
        })
      await client(null)
      const token = await addAccessToken(core, await addGrant(core, ann.id, { client_id: 'cli_x' }))
      await ask(bearer(token))
      await client(1)
      expect(await reasonOf(bearer(token))).toBe('revoked')
    })

    test('for a change of role: the next principal has the new one', async () => {
      const { core, ann, token, ask } = await start()
      expect((await ask(bearer(token))).user.role).toBe('auditor')
      await changeUser(core, ann.id, { role: 'member' })
      expect((await ask(bearer(token))).user.role).toBe('member')
    })

    test('also when the token was just being read: nobody gets the row from before', async () => {
      const { core, grant, token, reasonOf, seen } = await start()
      let openGate = () => {}
      seen.gate = new Promise((resolve) => {
        openGate = resolve
      })
      const early = reasonOf(bearer(token))
      // The row is in hand, not handed over yet.
      await core.store.db.selectFrom('head').selectAll().execute()
      await revokeGrant(core, by(), grant, 'x')
      seen.gate = null
      const late = reasonOf(bearer(token))
      expect(await late).toBe('revoked')
      openGate()
      await early
      expect(await reasonOf(bearer(token))).toBe('revoked')
    })

    test('after everything was forgotten', async () => {
      const { authenticator, core, grant, token, ask, reasonOf, seen } = await start()
      await ask(bearer(token))
      authenticator.forget(null)
      expect(await reasonOf(bearer(token))).toBe('ok')
      expect(seen.reads).toBe(2)
      await revokeGrant(core, by(), grant, 'x')
      expect(await reasonOf(bearer(token))).toBe('revoked')
    })

    test('changes of other things leave the memory alone', async () => {
      const { authenticator, token, ask, seen } = await start()
      await ask(bearer(token))
      authenticator.forget([
        { topic: 'server', ref: 'srv' },
        { topic: 'catalog', ref: 'srv' },
        { topic: 'session', ref: 'x' },
        { topic: 'grant', ref: 'grt_other' },
      ])
      await ask(bearer(token))
      expect(seen.reads).toBe(1)
    })
  })

  describe('strangers', () => {
    const misses = {
      network: { perSecond: 10, burst: 5 },
      total: { perSecond: 100, burst: 50 },
    }

    test('cost a bounded number of reads', async () => {
      const { clock, reasonOf, refusal, seen } = await start({ misses })
      const guess = () => bearer(newAccessToken(systemRandom))
      for (let i = 0; i < 5; i++) expect(await reasonOf(guess())).toBe('unknown')
      expect(await refusal(guess())).toMatchObject({
        code: 'rate_limited',
        data: { reason: 'rate_limited', retryAfter: 1 },
      })
      expect(seen.reads).toBe(5)
      clock.advance(100)
      expect(await reasonOf(guess())).toBe('unknown')
    })

    test('do not keep out who is in memory, nor another network', async () => {
      const { token, ask, reasonOf } = await start({ misses })
      await ask(bearer(token))
      for (let i = 0; i < 10; i++) await reasonOf(bearer(newAccessToken(systemRandom)))
      expect(await reasonOf(bearer(token))).toBe('ok')
      expect(await reasonOf(bearer(newAccessToken(systemRandom), '198.51.100.1'))).toBe('unknown')
    })

    test('are not two hundred good clients behind one address', async () => {
      const { core, grant, reasonOf } = await start({ misses })
      for (let i = 0; i < 20; i++)
        expect(await reasonOf(bearer(await addAccessToken(core, grant)))).toBe('ok')
    })

    test('with a typing mistake cost nothing at all', async () => {
      const { reasonOf, seen } = await start({ misses })
      for (let i = 0; i < 100; i++)
        expect(await reasonOf(bearer(`mt_${'x'.repeat(43)}${String(i).padStart(6, '0')}`))).toBe(
          'malformed',
        )
      expect(seen.reads).toBe(0)
    })
  })

  test('the memory is bounded', async () => {
    const { core, grant, ask, seen } = await start({ entries: 3 })
    const tokens: string[] = []
    for (let i = 0; i < 5; i++) tokens.push(await addAccessToken(core, grant))
    for (const token of tokens) await ask(bearer(token))
    expect(seen.reads).toBe(5)
    for (const token of tokens) await ask(bearer(token))
    expect(seen.reads).toBeGreaterThan(5)
  })

  test('a store that cannot be read refuses, and is asked again the next time', async () => {
    const { token, refusal, reasonOf, seen } = await start()
    seen.fail = new Error('disk gone')
    expect(await refusal(bearer(token))).toMatchObject({ code: 'storage_unavailable', status: 503 })
    seen.fail = null
    expect(await reasonOf(bearer(token))).toBe('ok')
  })
})
