// Grants: user × client × resource × scopes. One row is one "connected client"; revoking leaves a tombstone.
import { AppError } from '../kernel/app-error.ts'
import { change, type Unit } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { By } from '../logs/event.ts'
import type { StateRow } from '../store/tables/state.ts'
import { scopesFrom } from './scope-of-use.ts'

type Row = StateRow<'grants'>
type Unused = 'first_used_at' | 'last_used_at' | 'last_ip' | 'calls'

export type NewGrant = Omit<Row, Unused | 'event_id' | 'revoked_at' | 'revoked_reason'>

export interface Grant {
  id: string
  user: { id: string; login: string; name: string }
  client: { id: string; name: string; host: string | null }
  /** Endpoint URL. */
  resource: string
  scopes: string[]
  createdAt: number
  expiresAt: number | null
  ip: string | null
  userAgent: string | null
  firstUsedAt: number | null
  lastUsedAt: number | null
  lastIp: string | null
  calls: number
  eventId: string
  revokedAt: number | null
  revokedReason: string | null
}

/** Stores a consent; its audit event follows from that of the sign-in. Returns the id of the event. */
export async function insertGrant(
  unit: Unit,
  row: NewGrant,
  signInEventId?: string,
): Promise<string> {
  const eventId = await unit.audit({
    code: 'grant.created',
    target: { type: 'grant', id: row.id, name: row.client_name },
    grantId: row.id,
    userId: row.user_id,
    clientId: row.client_id,
    clientName: row.client_name,
    ...(signInEventId !== undefined && { parentId: signInEventId }),
    detail: {
      resource: row.resource,
      scopes: scopesFrom(row.scopes),
      host: row.client_host,
      expiresAt: row.expires_at,
    },
  })
  await unit.db
    .insertInto('grants')
    .values({
      ...row,
      event_id: eventId,
      first_used_at: null,
      last_used_at: null,
      last_ip: null,
      calls: 0,
      revoked_at: null,
      revoked_reason: null,
    })
    .execute()
  unit.changed('grant', row.id)
  return eventId
}

/**
 * Marks the grant and its access tokens revoked. Refresh tokens and codes need no mark: they are worth nothing
 * without their grant. False when there is no such grant, or it was revoked before; then nothing is written.
 */
export async function revokeGrantIn(
  unit: Unit,
  id: string,
  reason: string,
  at: number,
): Promise<boolean> {
  const row = await unit.db
    .updateTable('grants')
    .set({ revoked_at: at, revoked_reason: reason })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  if (!row) return false
  await unit.db
    .updateTable('access_tokens')
    .set({ revoked_at: at })
    .where('grant_id', '=', id)
    .where('revoked_at', 'is', null)
    .execute()
  unit.changed('grant', id)
  await unit.audit({ code: 'grant.revoked', reason, ...subject(row) })
  return true
}

/** The next request with any token of the grant is refused. Doing it twice changes nothing. @throws AppError not_found */
export function revokeGrant(core: Core, by: By, id: string, reason: string): Promise<void> {
  return change(
    core,
    by,
    async (unit) => {
      if (await revokeGrantIn(unit, id, reason, core.clock.now())) return
      const row = await unit.db
        .selectFrom('grants')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      if (!row)
        throw new AppError('not_found', `There is no grant with the id ${id}.`, {
          remedy: '`mooring grants list` shows all of them.',
        })
      await unit.audit({ code: 'grant.revoked', reason: 'was revoked already', ...subject(row) })
    },
    { urgent: true },
  )
}

/** Within a unit that has more to do, such as revoking the client itself. Returns how many were revoked. */
export const revokeGrantsOfClientIn = (unit: Unit, clientId: string, reason: string, at: number) =>
  revokeAllIn(unit, 'client_id', clientId, reason, at)

export const revokeGrantsOfClient = (
  core: Core,
  by: By,
  clientId: string,
  reason = 'client revoked',
) => revokeAll(core, by, 'client_id', clientId, reason)

export const revokeGrantsOfUser = (
  core: Core,
  by: By,
  userId: string,
  reason = 'all of the user revoked',
) => revokeAll(core, by, 'user_id', userId, reason)

function revokeAll(core: Core, by: By, of: Owner, id: string, reason: string): Promise<number> {
  return change(
    core,
    by,
    async (unit) => {
      const revoked = await revokeAllIn(unit, of, id, reason, core.clock.now())
      if (revoked === 0)
        await unit.audit({
          code: 'grant.revoked',
          reason: 'there was none to revoke',
          target: { type: of === 'user_id' ? 'user' : 'client', id, name: id },
        })
      return revoked
    },
    { urgent: true },
  )
}

type Owner = 'user_id' | 'client_id'

async function revokeAllIn(unit: Unit, of: Owner, id: string, reason: string, at: number) {
  const rows = await unit.db
    .selectFrom('grants')
    .select('id')
    .where(of, '=', id)
    .where('revoked_at', 'is', null)
    .orderBy('id')
    .execute()
  let revoked = 0
  for (const row of rows) if (await revokeGrantIn(unit, row.id, reason, at)) revoked++
  return revoked
}

/** Newest first. */
export async function listGrants(
  core: Core,
  filter: { userId?: string; clientId?: string; includeRevoked?: boolean } = {},
): Promise<Grant[]> {
  let query = core.store.db
    .selectFrom('grants as g')
    .innerJoin('users as u', 'u.id', 'g.user_id')
    .selectAll('g')
    .select(['u.login', 'u.name as user_name'])
    .orderBy('g.created_at', 'desc')
    .orderBy('g.id')
  if (filter.userId !== undefined) query = query.where('g.user_id', '=', filter.userId)
  if (filter.clientId !== undefined) query = query.where('g.client_id', '=', filter.clientId)
  if (!filter.includeRevoked) query = query.where('g.revoked_at', 'is', null)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    user: { id: row.user_id, login: row.login, name: row.user_name },
    client: { id: row.client_id, name: row.client_name, host: row.client_host },
    resource: row.resource,
    scopes: scopesFrom(row.scopes),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    ip: row.ip,
    userAgent: row.user_agent,
    firstUsedAt: row.first_used_at,
    lastUsedAt: row.last_used_at,
    lastIp: row.last_ip,
    calls: row.calls,
    eventId: row.event_id,
    revokedAt: row.revoked_at,
    revokedReason: row.revoked_reason,
  }))
}

const subject = (row: Row) => ({
  target: { type: 'grant', id: row.id, name: row.client_name },
  grantId: row.id,
  userId: row.user_id,
  clientId: row.client_id,
  clientName: row.client_name,
})
