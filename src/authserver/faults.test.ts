// One unit of work per request: what cannot be committed is not answered, and nothing is half done (I4).
import { afterEach, expect, it, vi } from 'vitest'
import {
  authorizeUrl,
  connect,
  openRig,
  pkce,
  publicClient,
  redeem,
  refresh,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { AppError } from '../kernel/app-error.ts'
import { systemClock } from '../kernel/time.ts'
import type { Store } from '../store/store.ts'
import { Conflict, type Facts, runUnit } from './unit-of-work.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const full = () =>
  new AppError('storage_unavailable', 'The disk is full.', { remedy: 'Free space.' })

/** The next commits fail, as on a full disk. */
const failCommits = (store: Store) =>
  vi.spyOn(store, 'transaction').mockImplementation(() => Promise.reject(full()))

forEachStore((_name, open) => {
  it('a refresh that cannot be stored is 503, issues nothing, and works when the store is back', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const broken = failCommits(rig.core.store)
    const refused = await refresh(rig, connection.client, connection.refresh)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(refused.json).toEqual({
      error: 'temporarily_unavailable',
      error_description: 'The disk is full.',
      remedy: 'Free space.',
    })
    broken.mockRestore()
    expect(await rig.core.store.db.selectFrom('access_tokens').selectAll().execute()).toHaveLength(
      1,
    )
    expect((await refresh(rig, connection.client, connection.refresh)).status).toBe(200)
    expect(await rig.authEvents('auth.refresh_retried')).toEqual([])
  })

  it('a code that could not be redeemed for lack of space is still good', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const keys = pkce()
    const left = await rig.browser().approve(authorizeUrl(rig, client, keys))
    const code = left.searchParams.get('code')!
    const broken = failCommits(rig.core.store)
    expect((await redeem(rig, client, code, keys)).status).toBe(503)
    broken.mockRestore()
    expect((await redeem(rig, client, code, keys)).status).toBe(200)
  })

  it('a person sees a page with the reason, and can go on later with the same request', async () => {
    const rig = await openRig(open)
    const client = await publicClient(rig)
    const keys = pkce()
    const broken = failCommits(rig.core.store)
    const browser = rig.browser()
    await browser.follow(authorizeUrl(rig, client, keys))
    expect(rig.messages).toEqual([
      expect.objectContaining({
        status: 503,
        code: 'storage_unavailable',
        text: 'The disk is full.',
      }),
    ])
    broken.mockRestore()
    const left = await browser.approve(authorizeUrl(rig, client, keys))
    expect(left.searchParams.has('code')).toBe(true)
  })

  it('a registration that cannot be stored gives no client_id', async () => {
    const rig = await openRig(open)
    const broken = failCommits(rig.core.store)
    const refused = await rig.register({
      redirect_uris: ['https://client.example/cb'],
      token_endpoint_auth_method: 'none',
    })
    expect(refused.status).toBe(503)
    expect(refused.json).not.toHaveProperty('client_id')
    broken.mockRestore()
    expect(await rig.core.store.db.selectFrom('clients').selectAll().execute()).toEqual([])
  })

  it('a store that cannot be read is 503 for programs, whatever the library makes of it', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    vi.spyOn(rig.core.store.db, 'selectFrom').mockImplementation(() => {
      throw full()
    })
    const answers = [
      await refresh(rig, connection.client, connection.refresh),
      await rig.post('/oauth/revoke', {
        client_id: connection.client.id,
        token: connection.refresh,
      }),
    ]
    for (const { status, json } of answers)
      expect([status, json.error]).toEqual([503, 'temporarily_unavailable'])
  })

  it('a fault in the middle of a request commits none of what came before it', async () => {
    let failing = false
    const rig = await openRig(open, {
      // Asked after the old token was consumed, while the new access token is made.
      serverNames: () => {
        if (failing) throw new Error('boom')
        return ['notes']
      },
    })
    const connection = await connect(rig)
    failing = true
    const refused = await refresh(rig, connection.client, connection.refresh)
    expect([refused.status, refused.json.error]).toEqual([500, 'server_error'])
    failing = false
    expect((await refresh(rig, connection.client, connection.refresh)).status).toBe(200)
    expect(await rig.authEvents('auth.refresh_retried')).toEqual([])
    expect(await rig.authEvents('auth.failed')).toMatchObject([
      { reason: 'boom', severity: 'error' },
    ])
  })

  it('a condition that never holds ends after three attempts with 503, and commits nothing', async () => {
    const { store } = await open(systemClock)
    const core = testCore(store, systemClock)
    const facts: Facts = { origin: { contextId: 'req_1' }, signedIn: null }
    let attempts = 0
    const run = runUnit(core, facts, async (unit) => {
      attempts++
      unit.operations.push(
        {
          audits: false,
          run: async ({ db }) => {
            await db
              .insertInto('settings')
              .values({ key: 'k', value: '1', updated_at: 1 })
              .execute()
          },
        },
        { audits: false, run: () => Promise.reject(new Conflict('always')) },
      )
    })
    await expect(run).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(attempts).toBe(3)
    expect(await store.db.selectFrom('settings').selectAll().execute()).toEqual([])
  })
})
