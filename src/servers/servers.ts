// The verbs on servers: add, change, remove, list, find; and the secret that only the gateway presents.
import type { Vault } from '../credentials/vault.ts'
import { AppError } from '../kernel/app-error.ts'
import { loginKey } from '../kernel/login-name.ts'
import { masked } from '../kernel/mask.ts'
import { change, type Unit } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { By } from '../logs/event.ts'
import { isUniqueViolation } from '../store/storage-error.ts'
import type { Db, Tx } from '../store/store.ts'
import type { Permit, StateRow } from '../store/tables/state.ts'
import type { Server, ServerSecret, ServerSpec } from './server.ts'
import {
  checkName,
  checkNewSpec,
  checkSecret,
  checkSpec,
  secretFrom,
  secretText,
  withoutQuery,
} from './server-input.ts'

export interface NewServer {
  name: string
  spec: ServerSpec
  secret?: ServerSecret
  /** What signed-in people may call without asking; default none: every tool asks. */
  permit?: Permit
  /** Login names; null or left out is everyone who is signed in. */
  people?: readonly string[] | null
  owner?: Server['owner']
}

export interface ServerChange {
  permit?: Permit
  people?: readonly string[] | null
  /** Another address or command is another server: its secret is dropped, and so is its permit unless given anew. */
  spec?: ServerSpec
}

const aad = (id: string) => `servers.${id}.secret_sealed`

/** @throws AppError invalid_input, blocked_address, conflict */
export async function addServer(
  core: Core,
  vault: Vault,
  by: By,
  input: NewServer,
): Promise<Server> {
  const name = checkName(input.name)
  const given = checkNewSpec(input.spec)
  const { spec, secret } = withoutQuery(given, checkSecret(given, input.secret ?? {}))
  const id = core.newId('srv')
  const text = secretText(secret)
  const now = core.clock.now()
  const row: StateRow<'servers'> = {
    id,
    name,
    kind: spec.kind,
    spec: JSON.stringify(spec),
    secret_sealed: text === null ? null : vault.seal(text, aad(id)),
    permit: input.permit ?? 'none',
    people: input.people ? 'listed' : 'everyone',
    owner: input.owner ?? 'admin',
    created_at: now,
    updated_at: now,
    removed_at: null,
  }
  return change(core, by, async (unit) => {
    const taken = await rowOf(unit.db, name)
    if (taken) throw nameTaken(name)
    await insertRow(unit, row)
    const people = await setPeople(unit, id, input.people ?? null)
    await unit.audit({
      code: 'server.added',
      target: { type: 'server', id, name },
      serverId: id,
      serverName: name,
      detail: {
        spec: shown(spec),
        secret: secretNames(secret),
        permit: row.permit,
        people: input.people ?? 'everyone',
      },
    })
    unit.changed('server', id)
    return parse(row, people)
  })
}

/** Two at once: the second one hears the same as if it had come later. */
async function insertRow(unit: Unit, row: StateRow<'servers'>): Promise<void> {
  try {
    await unit.db.insertInto('servers').values(row).execute()
  } catch (error) {
    throw isUniqueViolation(error) ? nameTaken(row.name) : error
  }
}

/** @throws AppError server_unknown, invalid_input, blocked_address */
export async function updateServer(
  core: Core,
  by: By,
  name: string,
  input: ServerChange,
): Promise<Server> {
  const spec = input.spec === undefined ? undefined : checkNewSpec(input.spec)
  return change(core, by, async (unit) => {
    const before = await present(unit.db, name)
    const moved = spec !== undefined && JSON.stringify(spec) !== before.spec
    const row: StateRow<'servers'> = {
      ...before,
      ...(moved
        ? {
            kind: spec.kind,
            spec: JSON.stringify(spec),
            secret_sealed: null,
            permit: 'none' as const,
          }
        : {}),
      ...(input.permit === undefined ? {} : { permit: input.permit }),
      ...(input.people === undefined ? {} : { people: input.people ? 'listed' : 'everyone' }),
      // The revision: it has to move even when two changes share a millisecond.
      updated_at: Math.max(core.clock.now(), before.updated_at + 1),
    }
    await unit.db.updateTable('servers').set(row).where('id', '=', row.id).execute()
    if (moved) await unit.db.deleteFrom('catalogs').where('server_id', '=', row.id).execute()
    const people =
      input.people === undefined
        ? await peopleOf(unit.db, row)
        : await setPeople(unit, row.id, input.people)
    await unit.audit({
      code: 'server.changed',
      target: { type: 'server', id: row.id, name },
      serverId: row.id,
      serverName: name,
      detail: {
        ...(row.permit === before.permit ? {} : { permit: [before.permit, row.permit] }),
        ...(input.people === undefined ? {} : { people: input.people ?? 'everyone' }),
        ...(moved ? { spec: [shown(JSON.parse(before.spec) as ServerSpec), shown(spec)] } : {}),
        ...(moved && before.secret_sealed ? { secret: 'dropped' } : {}),
      },
    })
    unit.changed('server', row.id)
    return parse(row, people)
  })
}

/** Replaces the credential that the gateway presents; `{}` removes it. @throws AppError server_unknown, invalid_input */
export async function setServerSecret(
  core: Core,
  vault: Vault,
  by: By,
  name: string,
  secret: ServerSecret,
): Promise<Server> {
  return change(core, by, async (unit) => {
    const before = await present(unit.db, name)
    checkSecret(checkSpec(JSON.parse(before.spec)), secret)
    // The address stays whole: its query is kept here, too.
    const { query } = opened(vault, before)
    const text = secretText(query ? { query, ...secret } : secret)
    const row = {
      ...before,
      secret_sealed: text === null ? null : vault.seal(text, aad(before.id)),
      updated_at: Math.max(core.clock.now(), before.updated_at + 1),
    }
    await unit.db.updateTable('servers').set(row).where('id', '=', row.id).execute()
    await unit.audit({
      code: 'server.secret_set',
      target: { type: 'server', id: row.id, name },
      serverId: row.id,
      serverName: name,
      detail: { secret: secretNames(secret) },
    })
    unit.changed('server', row.id)
    return parse(row, await peopleOf(unit.db, row))
  })
}

/** The row stays, so that the logs can name it; its secret and catalogue go. @throws AppError server_unknown */
export async function removeServer(core: Core, by: By, name: string): Promise<void> {
  await change(core, by, async (unit) => {
    const { id, updated_at } = await present(unit.db, name)
    const now = core.clock.now()
    await unit.db
      .updateTable('servers')
      .set({ removed_at: now, updated_at: Math.max(now, updated_at + 1), secret_sealed: null })
      .where('id', '=', id)
      .execute()
    await unit.db.deleteFrom('catalogs').where('server_id', '=', id).execute()
    await unit.audit({
      code: 'server.removed',
      target: { type: 'server', id, name },
      serverId: id,
      serverName: name,
    })
    unit.changed('server', id)
  })
}

/** By name, so that every list comes out in the same order. */
export async function listServers(core: Core): Promise<Server[]> {
  const { db } = core.store
  const rows = await db.selectFrom('servers').selectAll().where('removed_at', 'is', null).execute()
  const people = await db.selectFrom('server_people').selectAll().execute()
  return rows
    .map((row) =>
      parse(
        row,
        people.filter((p) => p.server_id === row.id).map((p) => p.user_id),
      ),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Null when there is none. */
export async function findServer(core: Core, name: string): Promise<Server | null> {
  const row = await rowOf(core.store.db, name)
  return row ? parse(row, await peopleOf(core.store.db, row)) : null
}

/** All servers, at the start: one whose secret no longer opens is reported at once, not at its first call. */
export async function loadServers(core: Core, vault: Vault): Promise<Server[]> {
  const servers = await listServers(core)
  for (const server of servers) {
    try {
      await serverSecret(core, vault, server)
    } catch (error) {
      core.log.error({ server: server.name, err: error }, 'the secret of a server cannot be opened')
    }
  }
  return servers
}

/** What the gateway presents to a server. @throws AppError secret_unreadable when the key of the store is another */
export async function serverSecret(
  core: Core,
  vault: Vault,
  { id }: Pick<Server, 'id'>,
): Promise<ServerSecret> {
  const row = await core.store.db
    .selectFrom('servers')
    .select('secret_sealed')
    .where('id', '=', id)
    .executeTakeFirst()
  return row ? opened(vault, { id, ...row }) : {}
}

const opened = (vault: Vault, row: Pick<StateRow<'servers'>, 'id' | 'secret_sealed'>) =>
  row.secret_sealed ? secretFrom(vault.open(row.secret_sealed, aad(row.id))) : {}

const rowOf = (db: Db | Tx, name: string) =>
  db
    .selectFrom('servers')
    .selectAll()
    .where('name', '=', name)
    .where('removed_at', 'is', null)
    .executeTakeFirst()

async function present(db: Tx, name: string): Promise<StateRow<'servers'>> {
  const row = await rowOf(db, name)
  if (row) return row
  throw new AppError('server_unknown', `There is no server named ${name.slice(0, 60)}.`, {
    remedy: 'See `mooring servers list`.',
  })
}

async function peopleOf(db: Db | Tx, row: StateRow<'servers'>): Promise<string[]> {
  if (row.people === 'everyone') return []
  const rows = await db
    .selectFrom('server_people')
    .select('user_id')
    .where('server_id', '=', row.id)
    .execute()
  return rows.map(({ user_id }) => user_id)
}

/** Replaces the list of people. @throws AppError not_found for a login that nobody has */
async function setPeople(
  unit: Unit,
  serverId: string,
  logins: readonly string[] | null,
): Promise<string[]> {
  await unit.db.deleteFrom('server_people').where('server_id', '=', serverId).execute()
  const ids = new Set<string>()
  for (const login of logins ?? []) {
    const user = await unit.db
      .selectFrom('users')
      .select('id')
      .where('login_key', '=', loginKey(login))
      .executeTakeFirst()
    if (!user)
      throw new AppError(
        'not_found',
        `There is no user with the login name ${login.slice(0, 60)}.`,
        {
          remedy: 'See `mooring users list`.',
        },
      )
    ids.add(user.id)
  }
  const rows = [...ids].map((id) => ({ server_id: serverId, user_id: id }))
  if (rows.length > 0) await unit.db.insertInto('server_people').values(rows).execute()
  return [...ids]
}

function parse(row: StateRow<'servers'>, people: readonly string[]): Server {
  return {
    id: row.id,
    name: row.name,
    spec: checkSpec(JSON.parse(row.spec)),
    permit: row.permit,
    people: row.people === 'everyone' ? null : new Set(people),
    owner: row.owner,
    revision: row.updated_at,
  }
}

/** As it may stand in the log: environment variables and queries may be secrets in spite of everything. */
function shown(spec: ServerSpec): Record<string, unknown> {
  if (spec.kind === 'stdio') return { ...spec, env: Object.keys(spec.env ?? {}) }
  return spec.kind === 'builtin' ? spec : { ...spec, url: masked(spec.url) }
}

const secretNames = (secret: ServerSecret | undefined) => [
  ...Object.keys(secret?.headers ?? {}),
  ...Object.keys(secret?.env ?? {}),
  ...(secret?.query ? ['query of the address'] : []),
]

const nameTaken = (name: string) =>
  new AppError('conflict', `There is a server named ${name} already.`, {
    remedy: 'Choose another name, or remove that one first.',
  })
