// The single-use link that makes the first admin. Works only while nobody can govern the gateway.
import { AppError } from '../kernel/app-error.ts'
import { tokenHash } from '../kernel/digest.ts'
import type { Secret } from '../kernel/secret.ts'
import { minutes } from '../kernel/time.ts'
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import { type Origin, operator } from '../logs/event.ts'
import type { Db, Tx } from '../store/store.ts'
import type { StateRow } from '../store/tables/state.ts'
import { accountOf, accountTarget, type SignedIn } from './account.ts'
import { newSession, startSession } from './login-sessions.ts'
import type { Cost } from './passwords.ts'
import { hasActiveAdmin, insertUser, prepareUser } from './users.ts'

export const SETUP_LINK_LIFETIME = minutes(15)

/** A new link ends all older ones. @throws AppError conflict when there is an admin */
export function createSetupLink(core: Core): Promise<{ token: string; expiresAt: number }> {
  const token = core.random(32).toString('base64url')
  const now = core.clock.now()
  const expiresAt = now + SETUP_LINK_LIFETIME
  return change(core, operator(core.newId('req')), async (unit) => {
    await refuseIfGoverned(unit.db)
    await unit.db
      .updateTable('setup_links')
      .set({ expires_at: now })
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .execute()
    await unit.db
      .insertInto('setup_links')
      .values({ hash: tokenHash(token), created_at: now, expires_at: expiresAt, used_at: null })
      .execute()
    await unit.audit({
      code: 'setup_link.created',
      target: { type: 'setup_link', id: tokenHash(token).slice(0, 8), name: 'setup link' },
      detail: { expiresAt },
    })
    return { token, expiresAt }
  })
}

/** For showing the form. @throws AppError gone | conflict */
export async function checkSetupLink(core: Core, token: string): Promise<{ expiresAt: number }> {
  await refuseIfGoverned(core.store.db)
  const row = await core.store.db
    .selectFrom('setup_links')
    .selectAll()
    .where('hash', '=', tokenHash(token))
    .executeTakeFirst()
  if (!isUsable(row, core.clock.now())) throw linkGone(row, core.clock.now())
  return { expiresAt: row.expires_at }
}

/**
 * Makes the first admin and signs the browser in, in one transaction: of two uses exactly one wins.
 * @throws AppError gone | conflict | invalid_input (the link stays usable)
 */
export async function useSetupLink(
  core: Core,
  origin: Origin,
  input: { token: string; login: string; name?: string | undefined; password: Secret },
  cost?: Cost,
): Promise<{ cookie: string; signedIn: SignedIn }> {
  // Before the work of hashing: a stranger without the link must not be able to ask for it.
  await checkSetupLink(core, input.token)
  const user = await prepareUser(core, { ...input, role: 'admin' }, cost)
  const session = newSession(core)
  const actor = { type: 'user', id: user.id, name: user.login } as const
  const by = { actor, origin: { ...origin, sessionId: session.hash } }
  return change(core, by, async (unit) => {
    const now = core.clock.now()
    // All open links at once, so that two of them cannot be used side by side either.
    const taken = await unit.db
      .updateTable('setup_links')
      .set({ used_at: now })
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .returning('hash')
      .execute()
    const hash = tokenHash(input.token)
    if (!taken.some((link) => link.hash === hash)) throw linkGone(undefined, now)
    await refuseIfGoverned(unit.db)
    const { eventId: parentId } = await insertUser(unit, { ...user, last_sign_in_at: now })
    await unit.audit({
      code: 'setup_link.used',
      target: { type: 'setup_link', id: hash.slice(0, 8), name: 'setup link' },
      parentId,
    })
    const account = { ...user, last_sign_in_at: now }
    const eventId = await unit.audit({
      code: 'sign_in.ok',
      target: accountTarget(account),
      reason: 'setup link',
      parentId,
    })
    const expiresAt = await startSession(core, unit, { session, userId: user.id, origin, eventId })
    return {
      cookie: session.cookie,
      signedIn: { account: accountOf(account), sessionHash: session.hash, eventId, expiresAt },
    }
  })
}

const isUsable = (
  row: StateRow<'setup_links'> | undefined,
  now: number,
): row is StateRow<'setup_links'> =>
  row !== undefined && row.used_at === null && row.expires_at > now

function linkGone(row: StateRow<'setup_links'> | undefined, now: number): AppError {
  let why = 'is not valid, or has been used'
  if (row && row.used_at !== null) why = 'has been used'
  else if (row && row.expires_at <= now) why = 'has expired, or a newer one has taken its place'
  return new AppError('gone', `This setup link ${why}.`, {
    remedy: 'Start the gateway again, or run `mooring users create --role admin`, on its machine.',
  })
}

async function refuseIfGoverned(db: Db | Tx): Promise<void> {
  if (await hasActiveAdmin(db))
    throw new AppError('conflict', 'This gateway has been set up.', {
      remedy: 'Sign in at /login. `mooring users recover` helps when the password is lost.',
    })
}
