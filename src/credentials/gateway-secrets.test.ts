import { expect, it } from 'vitest'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { Secret } from '../kernel/secret.ts'
import { gatewaySecret } from './gateway-secrets.ts'
import { openVault } from './vault.ts'

const vaultOf = (byte: number) =>
  openVault({ key: new Secret(Buffer.alloc(32, byte).toString('base64url')) })

forEachStore((_, open) => {
  it('a gateway secret is made once and read afterwards', async () => {
    const core = testCore((await open()).store)
    let made = 0
    const make = () => `canary-${++made}`
    expect(await gatewaySecret(core, vaultOf(1), 'cookie', make)).toBe('canary-1')
    expect(await gatewaySecret(core, vaultOf(1), 'cookie', make)).toBe('canary-1')
    expect(await gatewaySecret(core, vaultOf(1), 'other', async () => make())).toBe('canary-2')
  })

  it('is stored sealed, with an audit event that does not show it', async () => {
    const core = testCore((await open()).store)
    await gatewaySecret(core, vaultOf(1), 'cookie', () => 'canary-1')
    const rows = await core.store.db.selectFrom('gateway_secrets').selectAll().execute()
    const events = await core.store.db.selectFrom('audit_events').selectAll().execute()
    expect(JSON.stringify([rows, events])).not.toContain('canary')
    expect(events).toMatchObject([{ code: 'gateway.key_created', target_id: 'cookie' }])
  })

  it('is one value for processes that ask for it at the same time', async () => {
    const { store, reopen } = await open()
    const cores = [store, await reopen(), await reopen()].map((each) => testCore(each))
    let made = 0
    const asked = Array.from({ length: 12 }, (_, i) =>
      gatewaySecret(cores[i % 3]!, vaultOf(1), 'cookie', async () => `value-${++made}`),
    )
    const values = new Set(await Promise.all(asked))
    expect(values.size).toBe(1)
    expect(await store.db.selectFrom('audit_events').select('id').execute()).toHaveLength(1)
  })

  it('cannot be read with another key, nor when two were swapped', async () => {
    const core = testCore((await open()).store)
    await gatewaySecret(core, vaultOf(1), 'a', () => 'value-a')
    await gatewaySecret(core, vaultOf(1), 'b', () => 'value-b')
    const other = gatewaySecret(core, vaultOf(2), 'a', () => 'new')
    await expect(other).rejects.toMatchObject({ code: 'secret_unreadable' })

    const sealed = await core.store.db
      .selectFrom('gateway_secrets')
      .select('sealed')
      .where('name', '=', 'b')
      .executeTakeFirstOrThrow()
    await core.store.transaction(({ db }) =>
      db.updateTable('gateway_secrets').set(sealed).where('name', '=', 'a').execute(),
    )
    const swapped = gatewaySecret(core, vaultOf(1), 'a', () => 'new')
    await expect(swapped).rejects.toMatchObject({ code: 'secret_unreadable' })
  })
})
