// Keys of the gateway itself (signing, cookies): made when first asked for, sealed, the same for every process.
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import { systemActor } from '../logs/event.ts'
import { isUniqueViolation } from '../store/storage-error.ts'
import type { Vault } from './vault.ts'

/** @throws AppError secret_unreadable when it was sealed with another key */
export async function gatewaySecret(
  core: Core,
  vault: Vault,
  name: string,
  make: () => Promise<string> | string,
): Promise<string> {
  const stored = await read(core, vault, name)
  if (stored !== undefined) return stored
  const sealed = vault.seal(await make(), place(name))
  try {
    await change(core, systemActor(core.newId('req')), async (unit) => {
      const row = { name, sealed, created_at: core.clock.now() }
      await unit.db.insertInto('gateway_secrets').values(row).execute()
      await unit.audit({
        code: 'gateway.key_created',
        target: { type: 'gateway_secret', id: name, name },
      })
    })
  } catch (error) {
    // Another process was faster: its value counts, and is read below.
    if (!isUniqueViolation(error)) throw error
  }
  return (await read(core, vault, name))!
}

const place = (name: string) => `gateway_secrets.sealed.${name}`

async function read(core: Core, vault: Vault, name: string): Promise<string | undefined> {
  const row = await core.store.db
    .selectFrom('gateway_secrets')
    .select('sealed')
    .where('name', '=', name)
    .executeTakeFirst()
  return row && vault.open(row.sealed, place(name))
}
