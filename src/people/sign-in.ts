// Signing in with login name and password. The same work and the same words whoever asks for whatever account.
import { hash } from 'node:crypto'
import { AppError } from '../kernel/app-error.ts'
import { loginKey } from '../kernel/login-name.ts'
import type { Secret } from '../kernel/secret.ts'
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import { type Origin, systemActor } from '../logs/event.ts'
import type { StateRow } from '../store/tables/state.ts'
import { accountOf, accountTarget, type SignedIn } from './account.ts'
import { refuseIfLocked } from './lockout.ts'
import { newSession, startSession } from './login-sessions.ts'
import { type Cost, hashPassword, isOutdated, verifyPassword } from './passwords.ts'
import { findUser } from './users.ts'

export interface Credentials {
  login: string
  password: Secret
  /** The session cookie that the browser brought, if any: it is ended, never continued. */
  cookie?: string | undefined
}

export interface SignIn {
  /** @throws AppError sign_in_failed | user_disabled | rate_limited | overloaded */
  signIn(origin: Origin, credentials: Credentials): Promise<{ cookie: string; signedIn: SignedIn }>
}

const LONGEST_LOGIN_READ = 256

export function createSignIn(core: Core, options: { cost?: Cost } = {}): SignIn {
  const inTurn = createTurns()
  return {
    async signIn(origin, { login, password, cookie }) {
      const key = loginKey(login.slice(0, LONGEST_LOGIN_READ))
      const user = await core.store.db
        .selectFrom('users')
        .selectAll()
        .where('login_key', '=', key)
        .executeTakeFirst()
      const stored = user?.password_hash ?? null
      const attempt = { account: user?.id ?? unknownAccount(key), ip: origin.ip }
      await refuseIfLocked(core, attempt)
      const right = await verifyPassword(core, password, stored, options.cost)
      const renewed =
        right && stored !== null && isOutdated(stored, options.cost)
          ? await hashPassword(core, password, options.cost)
          : stored
      // Counted again and recorded in turn: of many guesses sent at once, those over the limit learn nothing.
      return inTurn(async () => {
        const left = await refuseIfLocked(core, attempt)
        const fail = (reason: string) =>
          recordFailure(core, origin, { user, account: attempt.account, reason, left })
        if (!user || !right) {
          await fail(user ? 'wrong password' : 'unknown login name')
          throw signInFailed()
        }
        const begun = await begin(core, origin, user, renewed, cookie)
        if (begun) return begun
        const now = await findUser(core, { id: user.id })
        if (now?.disabledAt === null) {
          await fail('password changed meanwhile')
          throw signInFailed()
        }
        await fail('account disabled')
        // Only who knows the password gets here, and deserves to know why.
        throw new AppError('user_disabled', 'This account is disabled.', {
          remedy: 'Ask an admin of this gateway to enable it.',
        })
      })
    },
  }
}

/** Null when the account is disabled, or its password changed while it was being checked. */
async function begin(
  core: Core,
  origin: Origin,
  user: StateRow<'users'>,
  renewedHash: string | null,
  cookie: string | undefined,
): Promise<{ cookie: string; signedIn: SignedIn } | null> {
  const session = newSession(core)
  const actor = { type: 'user', id: user.id, name: user.login } as const
  const by = { actor, origin: { ...origin, sessionId: session.hash } }
  try {
    return await change(core, by, async (unit) => {
      const row = await unit.db
        .updateTable('users')
        .set({ last_sign_in_at: core.clock.now(), password_hash: renewedHash })
        .where('id', '=', user.id)
        .where('disabled_at', 'is', null)
        .where('password_hash', '=', user.password_hash)
        .returningAll()
        .executeTakeFirst()
      if (!row) throw new AccountChanged()
      const eventId = await unit.audit({ code: 'sign_in.ok', target: accountTarget(user) })
      const expiresAt = await startSession(core, unit, {
        session,
        userId: user.id,
        origin,
        eventId,
        replaces: cookie,
      })
      const signedIn = { account: accountOf(row), sessionHash: session.hash, eventId, expiresAt }
      return { cookie: session.cookie, signedIn }
    })
  } catch (error) {
    if (error instanceof AccountChanged) return null
    throw error
  }
}

/** One after the other, whatever becomes of each. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(task: () => Promise<T>): Promise<T> => {
    const mine = last.then(task)
    last = mine.catch(() => undefined)
    return mine
  }
}

class AccountChanged extends Error {}

/**
 * The name that was typed is not recorded when nobody has it: people type passwords into the wrong field. 16 bits of
 * its digest are enough to count by.
 */
const unknownAccount = (key: string) => `unknown-${hash('sha256', key, 'hex').slice(0, 4)}`

async function recordFailure(
  core: Core,
  origin: Origin,
  failure: {
    user: StateRow<'users'> | undefined
    account: string
    reason: string
    left: { account: number; network: number }
  },
): Promise<void> {
  const { user, account, reason, left } = failure
  const target = user
    ? accountTarget(user)
    : { type: 'login', id: account, name: 'unknown login name' }
  const subject = { target, ...(user && { userId: user.id }) }
  const locked = [left.account <= 1 && 'account', left.network <= 1 && 'network'].filter(Boolean)
  await change(core, { actor: systemActor('').actor, origin }, async (unit) => {
    const parentId = await unit.audit({
      code: 'sign_in.failed',
      severity: 'warn',
      outcome: 'refused',
      reason,
      ...subject,
    })
    if (locked.length === 0) return
    await unit.audit({
      code: 'sign_in.locked',
      severity: 'alert',
      outcome: 'refused',
      reason: `too many failures by ${locked.join(' and ')}`,
      parentId,
      ...subject,
    })
  })
}

const signInFailed = () =>
  new AppError('sign_in_failed', 'Login name or password is wrong.', {
    remedy: 'Check both, including upper and lower case of the password.',
  })
