import { describe, expect, test } from 'vitest'
import {
  addAccessToken,
  addGrant,
  addUser,
  auditRows,
  by,
} from '../../test/fixtures/credential-rows.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { Change } from '../store/store.ts'
import {
  insertGrant,
  listGrants,
  revokeGrant,
  revokeGrantIn,
  revokeGrantsOfClient,
  revokeGrantsOfClientIn,
  revokeGrantsOfUser,
} from './grants.ts'

forEachStore((_name, open) => {
  const start = async () => {
    const clock = manualClock()
    const { store } = await open(clock)
    const core = testCore(store, clock)
    const changes: Change[] = []
    store.onCommit((_seq, committed) => changes.push(...committed))
    const ann = await addUser(core, { login: 'ann', name: 'Ann' })
    const bob = await addUser(core, { login: 'bob' })
    return { core, clock, changes, ann, bob }
  }
  const liveIds = async (core: Core) => (await listGrants(core)).map((grant) => grant.id).sort()
  const tokens = (core: Core, grantId: string) =>
    core.store.db
      .selectFrom('access_tokens')
      .select('revoked_at')
      .where('grant_id', '=', grantId)
      .execute()

  test('a grant is stored with the event of its consent, which follows from the sign-in', async () => {
    const { core, ann, changes } = await start()
    const eventId = await change(core, by(), (unit) =>
      insertGrant(
        unit,
        {
          id: 'grt_1',
          user_id: ann.id,
          client_id: 'https://claude.ai/client',
          client_name: 'Claude',
          client_host: 'claude.ai',
          resource: 'https://gate.example/mcp',
          scopes: 'mcp notes:read',
          created_at: core.clock.now(),
          expires_at: null,
          ip: '203.0.113.7',
          user_agent: 'Browser/1',
        },
        'evt_sign_in',
      ),
    )
    expect(await listGrants(core)).toEqual([
      {
        id: 'grt_1',
        user: { id: ann.id, login: 'ann', name: 'Ann' },
        client: { id: 'https://claude.ai/client', name: 'Claude', host: 'claude.ai' },
        resource: 'https://gate.example/mcp',
        scopes: ['mcp', 'notes:read'],
        createdAt: core.clock.now(),
        expiresAt: null,
        ip: '203.0.113.7',
        userAgent: 'Browser/1',
        firstUsedAt: null,
        lastUsedAt: null,
        lastIp: null,
        calls: 0,
        eventId,
        revokedAt: null,
        revokedReason: null,
      },
    ])
    expect(await auditRows(core)).toMatchObject([
      {
        id: eventId,
        code: 'grant.created',
        parent_id: 'evt_sign_in',
        grant_id: 'grt_1',
        user_id: ann.id,
        client_id: 'https://claude.ai/client',
        client_name: 'Claude',
      },
    ])
    expect(changes).toContainEqual({ topic: 'grant', ref: 'grt_1' })
  })

  describe('revoking a grant', () => {
    test('leaves a tombstone, marks its tokens, and touches no other grant', async () => {
      const { core, clock, ann, bob, changes } = await start()
      const [hers, hersToo, his] = [
        await addGrant(core, ann.id),
        await addGrant(core, ann.id),
        await addGrant(core, bob.id),
      ]
      await addAccessToken(core, hers)
      await addAccessToken(core, hers)
      await addAccessToken(core, hersToo)
      changes.length = 0
      await revokeGrant(core, by(), hers, 'lost laptop')
      expect(await liveIds(core)).toEqual([hersToo, his].sort())
      expect(await tokens(core, hers)).toEqual([
        { revoked_at: clock.now() },
        { revoked_at: clock.now() },
      ])
      expect(await tokens(core, hersToo)).toEqual([{ revoked_at: null }])
      expect(changes).toEqual([{ topic: 'grant', ref: hers }])
      const all = await listGrants(core, { includeRevoked: true })
      expect(all.find((grant) => grant.id === hers)).toMatchObject({
        revokedAt: clock.now(),
        revokedReason: 'lost laptop',
      })
      expect((await auditRows(core)).at(-1)).toMatchObject({
        code: 'grant.revoked',
        reason: 'lost laptop',
        grant_id: hers,
        user_id: ann.id,
        client_name: 'Claude',
      })
    })

    test('twice keeps the first time and reason', async () => {
      const { core, clock, ann } = await start()
      const id = await addGrant(core, ann.id)
      await revokeGrant(core, by(), id, 'first')
      const first = clock.now()
      clock.advance(1000)
      await revokeGrant(core, by(), id, 'second')
      const [grant] = await listGrants(core, { includeRevoked: true })
      expect(grant).toMatchObject({ revokedAt: first, revokedReason: 'first' })
      expect((await auditRows(core)).at(-1)).toMatchObject({ reason: 'was revoked already' })
    })

    test('at the same moment from two sides is done once', async () => {
      const { core, ann } = await start()
      const id = await addGrant(core, ann.id)
      await Promise.all([revokeGrant(core, by(), id, 'left'), revokeGrant(core, by(), id, 'right')])
      const reasons = (await auditRows(core)).map((event) => event.reason)
      expect(reasons.filter((reason) => reason === 'was revoked already')).toHaveLength(1)
    })

    test('within a larger unit says whether there was anything to do', async () => {
      const { core, clock, ann } = await start()
      const id = await addGrant(core, ann.id)
      const answers = await change(core, by(), async (unit) => [
        await revokeGrantIn(unit, id, 'reuse', clock.now()),
        await revokeGrantIn(unit, id, 'reuse', clock.now()),
        await revokeGrantIn(unit, 'grt_none', 'reuse', clock.now()),
      ])
      expect(answers).toEqual([true, false, false])
    })

    test('rolls back with the unit it is part of', async () => {
      const { core, clock, ann, changes } = await start()
      const id = await addGrant(core, ann.id)
      await addAccessToken(core, id)
      changes.length = 0
      const unit = change(core, by(), async (unit) => {
        await revokeGrantIn(unit, id, 'reuse', clock.now())
        throw new Error('something else failed')
      })
      await expect(unit).rejects.toThrow('something else failed')
      expect(await liveIds(core)).toEqual([id])
      expect(await tokens(core, id)).toEqual([{ revoked_at: null }])
      expect(changes).toEqual([])
    })

    test('names the command that lists grants when there is no such grant', async () => {
      const { core } = await start()
      await expect(revokeGrant(core, by(), 'grt_none', 'x')).rejects.toMatchObject({
        code: 'not_found',
        remedy: expect.stringContaining('grants list'),
      })
    })
  })

  describe('revoking many', () => {
    test('takes all grants of a client, whoever gave them, and one event for each', async () => {
      const { core, ann, bob } = await start()
      await addGrant(core, ann.id, { client_id: 'cli_a' })
      await addGrant(core, bob.id, { client_id: 'cli_a' })
      const other = await addGrant(core, bob.id, { client_id: 'cli_b' })
      expect(await revokeGrantsOfClient(core, by(), 'cli_a')).toBe(2)
      expect(await liveIds(core)).toEqual([other])
      const events = (await auditRows(core)).filter((event) => event.code === 'grant.revoked')
      expect(events).toHaveLength(2)
      expect(await revokeGrantsOfClient(core, by(), 'cli_a')).toBe(0)
    })

    test('takes all grants of a user', async () => {
      const { core, ann, bob } = await start()
      await addGrant(core, ann.id, { client_id: 'cli_a' })
      await addGrant(core, ann.id, { client_id: 'cli_b' })
      const his = await addGrant(core, bob.id)
      expect(await revokeGrantsOfUser(core, by(), ann.id)).toBe(2)
      expect(await liveIds(core)).toEqual([his])
    })

    test('can be part of a larger unit', async () => {
      const { core, clock, ann } = await start()
      await addGrant(core, ann.id, { client_id: 'cli_a' })
      const revoked = await change(core, by(), async (unit) => {
        await unit.audit({ code: 'client.revoked' })
        return [
          await revokeGrantsOfClientIn(unit, 'cli_a', 'client revoked', clock.now()),
          await revokeGrantsOfClientIn(unit, 'cli_z', 'client revoked', clock.now()),
        ]
      })
      expect(revoked).toEqual([1, 0])
    })
  })

  test('grants are listed newest first, by user and by client', async () => {
    const { core, clock, ann, bob } = await start()
    const a = await addGrant(core, ann.id, { client_id: 'cli_a' })
    clock.advance(1)
    const b = await addGrant(core, bob.id, { client_id: 'cli_a' })
    clock.advance(1)
    const c = await addGrant(core, ann.id, { client_id: 'cli_b' })
    const ids = async (filter: Parameters<typeof listGrants>[1]) =>
      (await listGrants(core, filter)).map((grant) => grant.id)
    expect(await ids({})).toEqual([c, b, a])
    expect(await ids({ userId: ann.id })).toEqual([c, a])
    expect(await ids({ clientId: 'cli_a' })).toEqual([b, a])
    expect(await ids({ clientId: 'cli_a', userId: ann.id })).toEqual([a])
  })
})
