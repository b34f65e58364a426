// Stores a new grant: our row with the audit event that follows from the sign-in, labelled so that a person
// recognises it (client host, address, program), and the row of the client behind it.
import type { Client } from 'oidc-provider'
import { insertGrant } from '../grants/grants.ts'
import type { Unit } from '../logs/change.ts'
import { verifiedHost } from './client-identity.ts'
import type { AuthServerDeps } from './deps.ts'
import { redirectHost } from './redirect-rules.ts'
import { cleanName } from './registration-rules.ts'
import { Conflict, type OidcUnit } from './unit-of-work.ts'

export interface GrantFacts {
  id: string
  userId: string
  client: Client
  redirectUri: string
  resource: string
  scopes: readonly string[]
}

export const clientName = (client: Client): string =>
  cleanName(typeof client.clientName === 'string' ? client.clientName : '').slice(0, 200) ||
  client.clientId

export function insertGrantRow({ auth }: AuthServerDeps, unit: OidcUnit, facts: GrantFacts) {
  const { client, redirectUri, scopes } = facts
  const { origin, signedIn } = unit.facts
  const name = clientName(client)
  unit.client = { id: client.clientId, name }
  unit.operations.push({
    audits: true,
    async run(handle) {
      await rememberClient(handle, unit, client, name)
      await requireClient(handle, unit, client.clientId)
      await insertGrant(
        handle,
        {
          id: facts.id,
          user_id: facts.userId,
          client_id: client.clientId,
          client_name: name,
          client_host: verifiedHost(client.clientId) ?? redirectHost(redirectUri),
          resource: facts.resource,
          scopes: [...scopes].sort().join(' '),
          created_at: unit.now,
          expires_at: unit.now + auth().refreshTokenTtl * 1000,
          ip: origin.ip ?? null,
          user_agent: origin.userAgent ?? null,
        },
        signedIn?.eventId,
      )
    },
  })
}

/** Holds its row, so that a revocation beside this either finds the new grant or prevents it. */
async function requireClient({ db }: Unit, unit: OidcUnit, id: string): Promise<void> {
  const alive = await db
    .updateTable('clients')
    .set({ last_used_at: unit.now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  if (alive.numUpdatedRows === 0n) throw new Conflict('The client was revoked meanwhile.')
}

/** The first grant of a metadata document client gives it a row, so that it can be listed, trusted and blocked. */
async function rememberClient(handle: Unit, unit: OidcUnit, client: Client, name: string) {
  if (verifiedHost(client.clientId) === null) return
  const id = client.clientId
  const added = await handle.db
    .insertInto('clients')
    .values({
      id,
      kind: 'cimd',
      name,
      metadata: JSON.stringify(client.metadata()),
      secret_sealed: null,
      fingerprint: null,
      trusted: 0,
      created_at: unit.now,
      created_ip: null,
      last_used_at: unit.now,
      revoked_at: null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst()
  if (added.numInsertedOrUpdatedRows !== 1n) return
  handle.changed('client', id)
  await handle.audit({
    code: 'client.registered',
    target: { type: 'client', id, name },
    clientId: id,
    clientName: name,
    detail: { kind: 'cimd' },
  })
}
