import { expect, test } from 'vitest'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { hours } from '../kernel/time.ts'
import { createFormOnce } from './form-once.ts'

forEachStore((_name, open) => {
  test('of many that bring the same token, on two processes, one is let through', async () => {
    const { store, reopen } = await open()
    const here = testCore(store)
    const spend = [
      createFormOnce(here),
      createFormOnce(testCore(await reopen(here.clock), here.clock)),
    ]
    const until = here.clock.now() + hours(1)
    const taken = await Promise.all(
      Array.from({ length: 12 }, (_, index) => spend[index % 2]!('hash', until)),
    )
    expect(taken.filter(Boolean)).toHaveLength(1)
    expect(await spend[0]!('other', until)).toBe(true)
  })

  test('a used token is remembered over a restart, and forgotten once it could not be used anyway', async () => {
    const { store, reopen } = await open()
    const core = testCore(store)
    const until = core.clock.now() + hours(1)
    await createFormOnce(core)('hash', until)
    const restarted = testCore(await reopen(core.clock), core.clock)
    expect(await createFormOnce(restarted)('hash', until)).toBe(false)
    core.clock.advance(hours(2))
    await createFormOnce(core)('another', core.clock.now() + hours(1))
    const rows = await store.db.selectFrom('oidc_records').select('id_hash').execute()
    expect(rows).toEqual([{ id_hash: 'another' }])
  })

  test('anybody can send sign-in forms, so the number of used tokens kept is bounded', async () => {
    const { store } = await open()
    const core = testCore(store)
    const spend = createFormOnce(core, { most: 10, every: 5 })
    for (let i = 0; i < 40; i++) {
      core.clock.advance(1)
      await spend(`hash ${i}`, core.clock.now() + hours(1))
    }
    const rows = await store.db.selectFrom('oidc_records').select('id_hash').execute()
    expect(rows.length).toBeLessThanOrEqual(15)
    expect(await spend('hash 39', core.clock.now() + hours(1))).toBe(false)
  })
})
