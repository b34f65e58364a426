// Registered clients. A metadata document client has a row too (so that it can be listed, trusted and blocked), but
// the library reads it from its document, so find() does not answer for it.
import { sql } from 'kysely'
import type { Vault } from '../credentials/vault.ts'
import { networkOf } from '../kernel/network.ts'
import type { Core } from '../logs/core.ts'
import type { Tx } from '../store/store.ts'
import type { StateRow } from '../store/tables/state.ts'
import type { AdapterDeps, ModelAdapter } from './adapter.ts'
import { parseObject } from './records.ts'
import { Conflict, currentUnit, type OidcUnit, type Payload, readIn } from './unit-of-work.ts'

type ClientRow = StateRow<'clients'>

/** Next to the numbers that the store uses for itself. */
const REGISTRATION_LOCK = 0x6d6f_0101

export const clientSecretAad = (id: string) => `clients:${id}:secret_sealed`

/** The row of a client, revoked or not; read once per unit. */
export async function clientRow(core: Core, unit: OidcUnit, id: string): Promise<ClientRow | null> {
  const known = unit.clients.get(id)
  if (known !== undefined) return known
  const row = await readIn(unit, () =>
    core.store.db.selectFrom('clients').selectAll().where('id', '=', id).executeTakeFirst(),
  )
  unit.clients.set(id, row ?? null)
  return row ?? null
}

export function clientPayload(vault: Vault, row: ClientRow): Payload {
  // Scopes are cut per request and per resource; the library would take a registered list for a ceiling, and refuse
  // the names that it does not know.
  const { scope: _scope, ...metadata } = parseObject(row.metadata)
  return {
    ...metadata,
    client_id: row.id,
    ...(row.secret_sealed === null
      ? {}
      : { client_secret: vault.open(row.secret_sealed, clientSecretAad(row.id)) }),
  }
}

export function clientAdapter({ core, vault }: AdapterDeps): ModelAdapter {
  return {
    async upsert(id, payload) {
      const unit = currentUnit()
      const { client_id: _id, client_secret: secret, ...metadata } = payload as Payload
      const { fingerprint = null, scope = null, admit } = unit.facts.registration ?? {}
      const name = typeof metadata.client_name === 'string' ? metadata.client_name : id
      unit.client = { id, name }
      const row: ClientRow = {
        id,
        kind: 'dcr',
        name,
        metadata: JSON.stringify(scope === null ? metadata : { ...metadata, scope }),
        secret_sealed: typeof secret === 'string' ? vault.seal(secret, clientSecretAad(id)) : null,
        fingerprint: secret === undefined ? fingerprint : null,
        trusted: 0,
        created_at: unit.now,
        created_ip: networkOf(unit.facts.origin.ip),
        last_used_at: null,
        revoked_at: null,
      }
      unit.clients.set(id, row)
      unit.operations.push({
        audits: true,
        async run(handle) {
          const { db, audit, changed } = handle
          await oneAtATime(core, db)
          if (row.fingerprint !== null) {
            const twin = await db
              .selectFrom('clients')
              .select('id')
              .where('fingerprint', '=', row.fingerprint)
              .where('revoked_at', 'is', null)
              .executeTakeFirst()
            if (twin) throw new Conflict('The same client was registered by another request.')
          }
          await admit?.(handle)
          await db.insertInto('clients').values(row).execute()
          changed('client', id)
          await audit({
            code: 'client.registered',
            target: { type: 'client', id, name },
            clientId: id,
            clientName: name,
            detail: { kind: 'dcr', ...someOf(metadata.redirect_uris) },
          })
        },
      })
    },

    async find(id) {
      const unit = currentUnit()
      const row = await clientRow(core, unit, id)
      if (!row) return undefined
      unit.client = { id, name: row.name }
      if (row.kind === 'cimd' || row.revoked_at !== null) return undefined
      return clientPayload(vault, row)
    },

    destroy: () => Promise.reject(new TypeError('Clients are revoked, never destroyed.')),
  }
}

/** On SQLite there is one writer anyway; on Postgres two identical registrations would not see each other. */
async function oneAtATime({ store }: Core, db: Tx): Promise<void> {
  if (store.dialect === 'postgres')
    await sql`select pg_advisory_xact_lock(${sql.lit(REGISTRATION_LOCK)})`.execute(db)
}

/** The log is never deleted from, and the addresses are chosen by strangers: enough to recognise them. */
function someOf(redirectUris: unknown) {
  const all = Array.isArray(redirectUris) ? redirectUris.map(String) : []
  const some = all.slice(0, 5).map((uri) => uri.slice(0, 200))
  return { redirectUris: some, ...(all.length > some.length && { more: all.length - some.length }) }
}
