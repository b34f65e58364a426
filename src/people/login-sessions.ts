// Browsers that are signed in. The id is 256 random bits in a cookie; only its hash is stored.
import { isAppError } from '../kernel/app-error.ts'
import { tokenHash } from '../kernel/digest.ts'
import { days, hours, minutes } from '../kernel/time.ts'
import { change, type Unit } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import type { By, Origin } from '../logs/event.ts'
import { accountOf, type SignedIn } from './account.ts'

/** A browser left alone for this long has to sign in again. */
export const IDLE_LIMIT = hours(8)
/** However busy, a session never lives longer than this. */
export const ABSOLUTE_LIMIT = days(7)
/** Showing a page is no reason to write; a minute is exact enough for an idle limit of hours. */
export const TOUCH_EVERY = minutes(1)

const COOKIE = /^[\w-]{43}$/
const LONGEST_USER_AGENT = 300

export interface NewSession {
  cookie: string
  hash: string
}

/** Made before the unit of work, so that the sign-in event can name the session it starts. */
export function newSession(core: Core): NewSession {
  const cookie = core.random(32).toString('base64url')
  return { cookie, hash: tokenHash(cookie) }
}

/**
 * Stores a new session. The id is never one that the browser brought; the one it brought is ended.
 * @returns when the session ends at the latest
 */
export async function startSession(
  core: Core,
  unit: Unit,
  start: {
    session: NewSession
    userId: string
    origin: Origin
    eventId: string
    replaces?: string | undefined
  },
): Promise<number> {
  const now = core.clock.now()
  if (start.replaces !== undefined) await endRow(unit, tokenHash(start.replaces), now)
  await unit.db
    .insertInto('login_sessions')
    .values({
      id_hash: start.session.hash,
      user_id: start.userId,
      created_at: now,
      last_seen_at: now,
      expires_at: now + ABSOLUTE_LIMIT,
      ip: start.origin.ip ?? null,
      user_agent: start.origin.userAgent?.slice(0, LONGEST_USER_AGENT) ?? null,
      event_id: start.eventId,
      ended_at: null,
    })
    .execute()
  return now + ABSOLUTE_LIMIT
}

/** Who is behind a cookie; null when nobody is any more. */
export async function resolveSession(
  core: Core,
  cookie: string | undefined,
): Promise<SignedIn | null> {
  if (cookie === undefined || !COOKIE.test(cookie)) return null
  const hash = tokenHash(cookie)
  const row = await core.store.db
    .selectFrom('login_sessions as s')
    .innerJoin('users as u', 'u.id', 's.user_id')
    .selectAll('u')
    .select(['s.last_seen_at', 's.expires_at', 's.event_id', 's.ended_at'])
    .where('s.id_hash', '=', hash)
    .executeTakeFirst()
  const now = core.clock.now()
  if (!row || row.ended_at !== null || row.disabled_at !== null) return null
  if (now >= row.expires_at || now - row.last_seen_at >= IDLE_LIMIT) return null
  if (now - row.last_seen_at >= TOUCH_EVERY)
    await touch(core, hash, now).catch((error: unknown) => {
      // A visit that cannot be noted, on a full disk say, is no reason to refuse it.
      if (!isAppError(error, 'storage_unavailable')) throw error
      core.log.debug({ err: error }, 'a visit could not be noted')
    })
  return {
    account: accountOf(row),
    sessionHash: hash,
    eventId: row.event_id,
    expiresAt: row.expires_at,
  }
}

/** Signs a browser out. False when it was not signed in. */
export async function endSession(core: Core, by: By, cookie: string | undefined): Promise<boolean> {
  const signedIn = await resolveSession(core, cookie)
  if (!signedIn) return false
  const { account, sessionHash, eventId } = signedIn
  await change(core, by, async (unit) => {
    await endRow(unit, sessionHash, core.clock.now())
    await unit.audit({
      code: 'sign_in.ended',
      target: { type: 'user', id: account.id, name: account.login },
      userId: account.id,
      parentId: eventId,
    })
  })
  return true
}

/** Signs all browsers of a person out, but for the one named. Returns how many. */
export async function endSessionsOfUser(
  core: Core,
  unit: Unit,
  userId: string,
  exceptHash?: string,
): Promise<number> {
  const ended = await unit.db
    .updateTable('login_sessions')
    .set({ ended_at: core.clock.now() })
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('id_hash', '!=', exceptHash ?? '')
    .returning('id_hash')
    .execute()
  for (const { id_hash } of ended) unit.changed('session', id_hash)
  return ended.length
}

async function endRow(unit: Unit, hash: string, now: number): Promise<void> {
  const ended = await unit.db
    .updateTable('login_sessions')
    .set({ ended_at: now })
    .where('id_hash', '=', hash)
    .where('ended_at', 'is', null)
    .returning('id_hash')
    .executeTakeFirst()
  if (ended) unit.changed('session', hash)
}

const touch = (core: Core, hash: string, now: number) =>
  core.store.transaction(async ({ db }) => {
    await db
      .updateTable('login_sessions')
      .set({ last_seen_at: now })
      .where('id_hash', '=', hash)
      .where('last_seen_at', '<', now)
      .execute()
  })
