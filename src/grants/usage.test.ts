import { expect, test } from 'vitest'
import { addGrant, addUser, auditRows, by } from '../../test/fixtures/credential-rows.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import type { Core } from '../logs/core.ts'
import type { Change, Store } from '../store/store.ts'
import { createKey, listKeys } from './api-keys.ts'
import { listGrants } from './grants.ts'
import type { Principal } from './principal.ts'
import { createUsage, WRITE_EVERY } from './usage.ts'

const principal = (id: string, kind: 'grant' | 'key'): Principal => ({
  id,
  kind,
  user: { id: 'usr', login: 'ann', name: 'Ann', role: 'member' },
  client: null,
  scopes: new Set(['mcp']),
  resource: null,
  expiresAt: null,
  eventId: 'evt',
})

forEachStore((_name, open) => {
  const start = async () => {
    const clock = manualClock()
    const { store } = await open(clock)
    const core = testCore(store, clock)
    const ann = await addUser(core)
    const grant = principal(await addGrant(core, ann.id), 'grant')
    const key = principal((await createKey(core, by(), { userLogin: 'ann', name: 'k' })).id, 'key')
    const changes: Change[] = []
    store.onCommit((_seq, committed) => changes.push(...committed))
    return { core, clock, grant, key, changes, usage: createUsage(core) }
  }
  const grantRow = async (core: Core) => (await listGrants(core))[0]!

  test('the first use is written at once', async () => {
    const { core, clock, grant, usage } = await start()
    usage.used(grant, '203.0.113.7')
    await expect
      .poll(() => grantRow(core), { interval: 5 })
      .toMatchObject({
        firstUsedAt: clock.now(),
        lastUsedAt: clock.now(),
        lastIp: '203.0.113.7',
        calls: 1,
      })
  })

  test('later uses are written together after half a minute', async () => {
    const { core, clock, grant, usage } = await start()
    const first = clock.now()
    usage.used(grant, '203.0.113.7')
    await usage.flush()
    clock.advance(1000)
    for (let i = 0; i < 10; i++) usage.used(grant, '203.0.113.8')
    clock.advance(WRITE_EVERY - 1)
    expect(await grantRow(core)).toMatchObject({ calls: 1, lastUsedAt: first })
    clock.advance(1)
    await usage.flush()
    expect(await grantRow(core)).toMatchObject({
      firstUsedAt: first,
      lastUsedAt: first + 1000,
      lastIp: '203.0.113.8',
      calls: 11,
    })
  })

  test('the timer alone writes them, without a flush', async () => {
    const { core, clock, grant, usage } = await start()
    usage.used(grant, undefined)
    await usage.flush()
    usage.used(grant, undefined)
    clock.advance(WRITE_EVERY)
    await expect.poll(async () => (await grantRow(core)).calls, { interval: 5 }).toBe(2)
  })

  test('a flush stores everything noted so far, keys and grants', async () => {
    const { core, grant, key, usage } = await start()
    for (let i = 0; i < 3; i++) usage.used(grant, '203.0.113.7')
    for (let i = 0; i < 5; i++) usage.used(key, '203.0.113.9')
    await usage.flush()
    expect((await grantRow(core)).calls).toBe(3)
    expect((await listKeys(core))[0]).toMatchObject({ calls: 5, lastIp: '203.0.113.9' })
  })

  test('two replicas add up', async () => {
    const { core, grant, usage } = await start()
    const other = createUsage(core)
    for (let i = 0; i < 3; i++) usage.used(grant, undefined)
    for (let i = 0; i < 4; i++) other.used(grant, undefined)
    await Promise.all([usage.flush(), other.flush()])
    expect((await grantRow(core)).calls).toBe(7)
  })

  test('an unknown address does not wipe out a known one', async () => {
    const { core, grant, usage } = await start()
    usage.used(grant, '203.0.113.7')
    await usage.flush()
    usage.used(grant, undefined)
    await usage.flush()
    expect((await grantRow(core)).lastIp).toBe('203.0.113.7')
  })

  test('is bookkeeping: no audit row, and no cache has to forget anything', async () => {
    const { core, grant, usage, changes } = await start()
    const before = await auditRows(core)
    usage.used(grant, '203.0.113.7')
    await usage.flush()
    expect(await auditRows(core)).toEqual(before)
    expect(changes).toEqual([])
  })

  test('what could not be stored is stored the next time', async () => {
    const { core, clock, grant } = await start()
    let broken = true
    const transaction: Store['transaction'] = (run) => {
      if (!broken) return core.store.transaction(run)
      // One more use while the write is failing.
      usage.used(grant, undefined)
      return Promise.reject(new Error('disk full'))
    }
    const usage = createUsage({ ...core, store: { ...core.store, transaction } })
    usage.used(grant, '203.0.113.7')
    await expect(usage.flush()).rejects.toThrow('disk full')
    broken = false
    clock.advance(WRITE_EVERY)
    await usage.flush()
    expect(await grantRow(core)).toMatchObject({ calls: 3, lastIp: '203.0.113.7' })
  })
})
