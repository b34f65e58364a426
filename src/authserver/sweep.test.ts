// What is swept and what stays: tombstones and anything that still explains a refusal.
import { afterEach, expect, it, vi } from 'vitest'
import {
  authorizeUrl,
  connect,
  openRig,
  pkce,
  publicClient,
  type Rig,
  refresh,
} from '../../test/fixtures/authserver-rig.ts'
import { forEachStore } from '../../test/fixtures/stores.ts'

afterEach(() => {
  vi.useRealTimers()
})

const DAY = 86_400_000
const later = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })

const models = async (rig: Rig) => {
  const rows = await rig.core.store.db.selectFrom('oidc_records').select('model').execute()
  const counts: Record<string, number> = {}
  for (const { model } of rows) counts[model] = (counts[model] ?? 0) + 1
  return counts
}

forEachStore((_name, open) => {
  it('abandoned requests go when they are over; sessions, codes and tokens when they are long over; grants never', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    await rig.browser().follow(authorizeUrl(rig, connection.client, pkce()))
    expect(await models(rig)).toMatchObject({
      Interaction: 1,
      AuthorizationCode: 1,
      RefreshToken: 1,
    })
    await rig.server.sweep()
    expect(await models(rig)).toMatchObject({
      Interaction: 1,
      AuthorizationCode: 1,
      RefreshToken: 1,
    })
    later(700_000)
    await rig.server.sweep()
    expect(await models(rig)).toEqual({
      Session: 1,
      AuthorizationCode: 1,
      RefreshToken: 1,
      Grant: 1,
    })
    later(7 * DAY + 900_000)
    await rig.server.sweep()
    expect(await models(rig)).toEqual({ Session: 1, RefreshToken: 1, Grant: 1 })
    expect(await rig.core.store.db.selectFrom('access_tokens').selectAll().execute()).toEqual([])
    expect((await refresh(rig, connection.client, connection.refresh)).status).toBe(200)
    later(60 * DAY)
    await rig.server.sweep()
    expect(await models(rig)).toEqual({ Grant: 1 })
    expect(await rig.core.store.db.selectFrom('grants').selectAll().execute()).toHaveLength(1)
  })

  it('consumed refresh tokens are kept a week, so that a late reuse still kills the family', async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const next = await refresh(rig, connection.client, connection.refresh)
    later(6 * DAY)
    await rig.server.sweep()
    expect((await models(rig)).RefreshToken).toBe(2)
    await refresh(rig, connection.client, connection.refresh)
    expect((await refresh(rig, connection.client, next.json.refresh_token)).status).toBe(400)
    later(2 * DAY)
    await rig.server.sweep()
    expect((await models(rig)).RefreshToken).toBe(1)
  })

  it('a client that somebody used, trusts or revoked is kept, whatever its age', async () => {
    const rig = await openRig(open)
    const names = ['used', 'trusted', 'revoked', 'unused']
    const clients = new Map<string, string>()
    for (const name of names) {
      const client = await publicClient(rig, { client_name: name })
      clients.set(client.id, name)
      if (name === 'used') await connect(rig, { client })
      const set = name === 'trusted' ? { trusted: 1 as const } : { revoked_at: 1 }
      if (name === 'trusted' || name === 'revoked')
        await rig.core.store.transaction(({ db }) =>
          db.updateTable('clients').set(set).where('id', '=', client.id).execute(),
        )
    }
    later(2 * DAY)
    await rig.server.sweep()
    const kept = await rig.core.store.db.selectFrom('clients').select('id').execute()
    expect(new Set(kept.map(({ id }) => clients.get(id)))).toEqual(
      new Set(['revoked', 'trusted', 'used']),
    )
  })
})
