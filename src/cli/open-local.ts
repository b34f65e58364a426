// The admin API on the store itself, for commands while no gateway runs: the same app, called without a socket.
import type { Hono } from 'hono'
import { createAdminApp } from '../admin/app.ts'
import { openFoundation } from '../compose/foundation.ts'
import { adminVerbs } from '../compose/verbs.ts'
import type { Loaded } from '../config/load.ts'
import { operator } from '../logs/event.ts'

export async function openLocal({
  settings: given,
  provenance,
}: Loaded): Promise<{ app: Hono; close(): Promise<void> }> {
  // A command is no service: unless somebody asked for more, it logs only what goes wrong.
  const logLevel = provenance['log-level'] === 'default' ? 'warn' : given.logLevel
  const settings = { ...given, logLevel }
  const foundation = await openFoundation(settings)
  const { core } = foundation
  const verbs = adminVerbs({
    ...foundation,
    settings,
    provenance,
    port: () => settings.port,
    serving: false,
  })
  const by = () => operator(core.newId('req'))
  return {
    app: createAdminApp({ verbs, by, log: core.log }),
    close: async () => {
      await foundation.opener.close()
      await core.store.close()
    },
  }
}
