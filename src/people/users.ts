// The verbs on people: create, list, find, disable, enable, set a password.
import { AppError } from '../kernel/app-error.ts'
import { loginKey, parseLogin } from '../kernel/login-name.ts'
import type { Secret } from '../kernel/secret.ts'
import { change, type Unit } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { By } from '../logs/event.ts'
import type { Db, Tx } from '../store/store.ts'
import type { StateRow, UserTable } from '../store/tables/state.ts'
import { type Account, accountOf, accountTarget } from './account.ts'
import { endSessionsOfUser } from './login-sessions.ts'
import { type Cost, checkNewPassword, hashPassword } from './passwords.ts'

export interface NewUser {
  login: string
  /** What people read; the login name when left out. */
  name?: string | undefined
  role: UserTable['role']
  /** Without one the person signs in some other way, or not yet. */
  password?: Secret | undefined
}

const LONGEST_NAME = 100
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/u

/** @throws AppError invalid_input | conflict */
export async function createUser(
  core: Core,
  by: By,
  input: NewUser,
  cost?: Cost,
): Promise<Account> {
  const row = await prepareUser(core, input, cost)
  return change(core, by, async (unit) => {
    const { account } = await insertUser(unit, row)
    return account
  })
}

/** Everything that takes time, before the transaction: the rules and the password hash. */
export async function prepareUser(
  core: Core,
  input: NewUser,
  cost?: Cost,
): Promise<StateRow<'users'>> {
  const login = parseLogin(input.login)
  const name = parseName(input.name ?? login)
  if (input.password) checkNewPassword(input.password, login)
  return {
    id: core.newId('usr'),
    login,
    login_key: loginKey(login),
    name,
    role: input.role,
    password_hash: input.password ? await hashPassword(core, input.password, cost) : null,
    created_at: core.clock.now(),
    last_sign_in_at: null,
    disabled_at: null,
  }
}

export async function insertUser(
  unit: Unit,
  row: StateRow<'users'>,
): Promise<{ account: Account; eventId: string }> {
  const inserted = await unit.db
    .insertInto('users')
    .values(row)
    .onConflict((clash) => clash.column('login_key').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (!inserted)
    throw new AppError('conflict', `There is a user with the login name ${row.login} already.`, {
      remedy: 'Choose another login name, or see `mooring users list`.',
    })
  unit.changed('user', row.id)
  const account = accountOf(row)
  const eventId = await unit.audit({
    code: 'user.created',
    target: accountTarget(account),
    userId: account.id,
    detail: { role: account.role, password: row.password_hash !== null },
  })
  return { account, eventId }
}

export async function listUsers(core: Core): Promise<Account[]> {
  const rows = await core.store.db.selectFrom('users').selectAll().orderBy('login_key').execute()
  return rows.map(accountOf)
}

export async function findUser(
  core: Core,
  by: { id: string } | { login: string },
): Promise<Account | null> {
  const query = core.store.db.selectFrom('users').selectAll()
  const row = await ('id' in by
    ? query.where('id', '=', by.id)
    : query.where('login_key', '=', loginKey(by.login))
  ).executeTakeFirst()
  return row ? accountOf(row) : null
}

/** Whether anybody can govern this gateway; as long as nobody can, a setup link makes the first admin. */
export async function hasActiveAdmin(db: Db | Tx): Promise<boolean> {
  const admin = await db
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'admin')
    .where('disabled_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return admin !== undefined
}

/**
 * The account's browsers are signed out and its grants and keys fail on their next request. Nothing is deleted:
 * enabling it brings grants and keys back.
 * @throws AppError not_found | conflict when nobody could govern the gateway any more
 */
export function disableUser(core: Core, by: By, login: string): Promise<Account> {
  return change(
    core,
    by,
    async (unit) => {
      const admins = await lockActiveAdmins(unit)
      const user = await requireUser(unit.db, login)
      if (admins.length === 1 && admins[0] === user.id)
        throw new AppError('conflict', `${user.login} is the last active admin.`, {
          remedy: 'Make another admin first: `mooring users create --login NAME --role admin`.',
        })
      const already = user.disabled_at !== null
      const row = { ...user, disabled_at: user.disabled_at ?? core.clock.now() }
      await unit.db
        .updateTable('users')
        .set({ disabled_at: row.disabled_at })
        .where('id', '=', user.id)
        .execute()
      const sessions = await endSessionsOfUser(core, unit, user.id)
      unit.changed('user', user.id)
      await unit.audit({
        code: 'user.disabled',
        target: accountTarget(user),
        ...(already && { reason: 'was disabled already' }),
        detail: { sessionsEnded: sessions },
      })
      return accountOf(row)
    },
    { urgent: true },
  )
}

/** @throws AppError not_found */
export function enableUser(core: Core, by: By, login: string): Promise<Account> {
  return change(core, by, async (unit) => {
    const user = await requireUser(unit.db, login)
    await unit.db
      .updateTable('users')
      .set({ disabled_at: null })
      .where('id', '=', user.id)
      .execute()
    unit.changed('user', user.id)
    await unit.audit({
      code: 'user.enabled',
      target: accountTarget(user),
      ...(user.disabled_at === null && { reason: 'was enabled already' }),
    })
    return accountOf({ ...user, disabled_at: null })
  })
}

/**
 * Browsers that signed in with the old password are signed out, but for the one in which its owner changes it.
 * @throws AppError not_found | invalid_input
 */
export async function setPassword(
  core: Core,
  by: By,
  { login, password }: { login: string; password: Secret },
  cost?: Cost,
): Promise<void> {
  const { id, login: name } = await requireUser(core.store.db, login)
  checkNewPassword(password, name)
  const hash = await hashPassword(core, password, cost)
  await change(core, by, async (unit) => {
    await unit.db.updateTable('users').set({ password_hash: hash }).where('id', '=', id).execute()
    const own = by.actor.type === 'user' && by.actor.id === id ? by.origin.sessionId : undefined
    const sessions = await endSessionsOfUser(core, unit, id, own)
    unit.changed('user', id)
    await unit.audit({
      code: 'user.password_set',
      target: { type: 'user', id, name },
      detail: { sessionsEnded: sessions },
    })
  })
}

/** Two admins who disable each other at the same moment meet here: the rows are locked by writing them unchanged. */
async function lockActiveAdmins(unit: Unit): Promise<string[]> {
  const rows = await unit.db
    .updateTable('users')
    .set({ role: 'admin' })
    .where('role', '=', 'admin')
    .where('disabled_at', 'is', null)
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

async function requireUser(db: Db | Tx, login: string): Promise<StateRow<'users'>> {
  const row = await db
    .selectFrom('users')
    .selectAll()
    .where('login_key', '=', loginKey(login))
    .executeTakeFirst()
  if (!row)
    throw new AppError('not_found', `There is no user with the login name ${login}.`, {
      remedy: '`mooring users list` shows all of them.',
    })
  return row
}

function parseName(text: string): string {
  const name = text.normalize('NFC').trim()
  if (name === '' || Array.from(name).length > LONGEST_NAME || INVISIBLE.test(name))
    throw new AppError(
      'invalid_input',
      `A name has 1 to ${LONGEST_NAME} characters, none of them invisible.`,
      { remedy: 'Choose another name.' },
    )
  return name
}
