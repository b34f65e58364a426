// Revoking against everything that could run at the same moment: after both are done, nothing is left alive.
import { expect, it } from 'vitest'
import {
  type Answer,
  authorizeUrl,
  connect,
  openRig,
  pageOf,
  pkce,
  publicClient,
  type Rig,
  redeem,
  refresh,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'
import { revokeGrant } from '../grants/grants.ts'
import { operator } from '../logs/event.ts'
import { revokeClient } from './clients.ts'

const by = operator('test')

const theGrant = async (rig: Rig) =>
  rig.core.store.db.selectFrom('grants').selectAll().executeTakeFirstOrThrow()

const liveTokens = async (rig: Rig) =>
  rig.core.store.db
    .selectFrom('access_tokens')
    .innerJoin('grants', 'grants.id', 'access_tokens.grant_id')
    .select('hash')
    .where('access_tokens.revoked_at', 'is', null)
    .execute()

/** What another replica does after the library has decided and before we commit. */
function beforeNextCommit(rig: Rig, work: () => Promise<unknown>) {
  const { store } = rig.core
  const original = store.transaction
  store.transaction = async (run) => {
    store.transaction = original
    await work()
    return original(run)
  }
}

forEachStore((_name, open) => {
  it('a refresh beside a revocation either comes first and dies with it, or is refused', async () => {
    const rig = await openRig(open)
    for (let round = 0; round < 6; round++) {
      const connection = await connect(rig)
      const { id } = await rig.core.store.db
        .selectFrom('grants')
        .select('id')
        .where('revoked_at', 'is', null)
        .executeTakeFirstOrThrow()
      const [answer] = await Promise.all([
        refresh(rig, connection.client, connection.refresh),
        revokeGrant(rig.core, by, id, 'test'),
      ])
      expect([200, 400]).toContain(answer.status)
      expect(await liveTokens(rig)).toEqual([])
      const after = await refresh(
        rig,
        connection.client,
        answer.json.refresh_token ?? connection.refresh,
      )
      expect(after.json.error).toBe('invalid_grant')
    }
  })

  it('a code redeemed beside a revocation leaves no token alive', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const keys = pkce()
    const left = await rig.browser().approve(authorizeUrl(rig, client, keys))
    const { id } = await theGrant(rig)
    await Promise.all([
      redeem(rig, client, left.searchParams.get('code')!, keys),
      revokeGrant(rig.core, by, id, 'test'),
    ])
    expect(await liveTokens(rig)).toEqual([])
  })

  it('a revocation between the decision and its commit is seen: the request runs again and is refused', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const keys = pkce()
    const left = await rig.browser().approve(authorizeUrl(rig, client, keys))
    const { id } = await theGrant(rig)
    beforeNextCommit(rig, () => revokeGrant(rig.core, by, id, 'test'))
    const answer = await redeem(rig, client, left.searchParams.get('code')!, keys)
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_grant'])
    expect(await rig.core.store.db.selectFrom('access_tokens').selectAll().execute()).toEqual([])
    expect(await rig.authEvents('auth.token_issued')).toEqual([])
  })

  it('a code that another request took between decision and commit is not redeemed twice', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const keys = pkce()
    const left = await rig.browser().approve(authorizeUrl(rig, client, keys))
    const code = left.searchParams.get('code')!
    let other: Answer | undefined
    beforeNextCommit(rig, async () => {
      other = await redeem(rig, client, code, keys)
    })
    const answer = await redeem(rig, client, code, keys)
    expect([other?.status, answer.status]).toEqual([200, 400])
    // The late one counts as reuse of a code, so what the first got is gone too (RFC 6749 §4.1.2).
    expect(await liveTokens(rig)).toEqual([])
  })

  it('a refresh token that another request took between decision and commit works as a retry', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    let other: Answer | undefined
    beforeNextCommit(rig, async () => {
      other = await refresh(rig, connection.client, connection.refresh)
    })
    const answer = await refresh(rig, connection.client, connection.refresh)
    expect([other?.status, answer.status]).toEqual([200, 200])
    expect(await rig.authEvents('auth.refresh_retried')).toHaveLength(1)
    expect(await rig.authEvents('auth.token_refreshed')).toHaveLength(2)
    expect((await theGrant(rig)).revoked_at).toBeNull()
  })

  it('a retry whose successor was used between decision and commit is reuse after all', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const second = await refresh(rig, connection.client, connection.refresh)
    beforeNextCommit(rig, () => refresh(rig, connection.client, second.json.refresh_token))
    const answer = await refresh(rig, connection.client, connection.refresh)
    expect(answer.json.error).toBe('invalid_grant')
    expect(await rig.authEvents('auth.refresh_reuse')).toHaveLength(1)
    expect((await theGrant(rig)).revoked_at).not.toBeNull()
  })

  it('a client revoked between the consent and its commit gets no grant', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const browser = rig.browser()
    const { at } = await pageOf(await browser.follow(authorizeUrl(rig, client, pkce())))
    const { at: consent } = await pageOf(await browser.submit(at, { login: 'alice' }))
    beforeNextCommit(rig, () => revokeClient(rig.core, by, client.id))
    const refused = await pageOf(await browser.submit(consent, { decision: 'allow', scope: 'mcp' }))
    expect(refused).toMatchObject({ status: 410, json: { error: 'gone' } })
    expect(await rig.core.store.db.selectFrom('grants').selectAll().execute()).toEqual([])
    expect(await rig.authEvents('auth.consent_allowed')).toEqual([])
  })

  it('refreshes and one reuse at once: one verdict for all, never a dead token that looks alive', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const second = await refresh(rig, connection.client, connection.refresh)
    await refresh(rig, connection.client, second.json.refresh_token)
    const answers = await Promise.all([
      refresh(rig, connection.client, connection.refresh),
      refresh(rig, connection.client, second.json.refresh_token),
      refresh(rig, connection.client, connection.refresh),
    ])
    expect(answers[0]!.json.error).toBe('invalid_grant')
    expect((await theGrant(rig)).revoked_at).not.toBeNull()
    expect(await liveTokens(rig)).toEqual([])
    expect(await rig.auditEvents('grant.revoked')).toHaveLength(1)
  })

  it('an account that was disabled during the sign-in is asked to sign in again, not failed', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const browser = rig.browser()
    const { at } = await pageOf(await browser.follow(authorizeUrl(rig, client, pkce())))
    await rig.core.store.transaction(({ db }) =>
      db.updateTable('users').set({ disabled_at: 1 }).where('id', '=', rig.alice.id).execute(),
    )
    const response = await browser.request(at, {
      method: 'POST',
      body: new URLSearchParams({ login: 'alice' }),
    })
    const resumed = await browser.request(response.headers.get('location')!)
    expect(resumed.headers.get('location')).toMatch(/^\/login\//)
  })
})
