// Too many failed sign-ins, by account and by network. The failures are rows of the audit stream already, so they
// are counted there: the lockout survives a restart and holds for every replica, and there is no second copy to keep.
import { AppError } from '../kernel/app-error.ts'
import { networkOf } from '../kernel/network.ts'
import { minutes } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'

export const WINDOW = minutes(15)
export const MOST_BY_ACCOUNT = 10
export const MOST_BY_NETWORK = 30

// Refused attempts are not recorded, so a window holds few rows; the bound keeps one look cheap whatever the log holds.
const ROWS_LOOKED_AT = 10_000

export interface Attempt {
  /** User id, or the bucket of an unknown login name. */
  account: string
  ip: string | undefined
}

/** How many more failures the attempt has before it is locked out. @throws AppError rate_limited */
export async function refuseIfLocked(
  core: Core,
  { account, ip }: Attempt,
): Promise<{ account: number; network: number }> {
  const now = core.clock.now()
  const network = networkOf(ip)
  const byAccount: number[] = []
  const byNetwork: number[] = []
  for (const row of await recentRows(core, now)) {
    if (row.code === 'sign_in.failed') {
      if (row.target_id === account) byAccount.push(row.at)
      if (networkOf(row.ip ?? undefined) === network) byNetwork.push(row.at)
    } else if (row.target_id === account) {
      // A success or a new password clears the account, never the network: one's own account would be the way around.
      byAccount.length = 0
    }
  }
  const until = Math.max(
    lockedUntil(byAccount, MOST_BY_ACCOUNT),
    lockedUntil(byNetwork, MOST_BY_NETWORK),
  )
  if (until > now) throw lockedOut(until, now)
  return {
    account: MOST_BY_ACCOUNT - byAccount.length,
    network: MOST_BY_NETWORK - byNetwork.length,
  }
}

const recentRows = (core: Core, now: number) =>
  core.store.db
    .selectFrom('audit_events')
    .select(['code', 'at', 'target_id', 'ip'])
    .where('seq', '>', (newest) =>
      newest
        .selectFrom('audit_events')
        .select((e) =>
          e(e.fn.coalesce(e.fn.max('seq'), e.lit(0)), '-', e.lit(ROWS_LOOKED_AT)).as('from'),
        ),
    )
    .where('at', '>', now - WINDOW)
    .where('code', 'in', ['sign_in.failed', 'sign_in.ok', 'user.password_set'])
    .orderBy('seq')
    .execute()

/** Until enough of the failures have left the window. */
const lockedUntil = (failures: readonly number[], most: number): number =>
  (failures[failures.length - most] ?? Number.NEGATIVE_INFINITY) + WINDOW

function lockedOut(until: number, now: number): AppError {
  const seconds = Math.ceil((until - now) / 1000)
  const retryAt = new Date(until).toISOString()
  return new AppError('rate_limited', 'Too many sign-ins have failed.', {
    remedy: `Try again in ${Math.ceil(seconds / 60)} minutes (${retryAt}). An operator can set a new password with \`mooring users recover\`.`,
    data: { retryAfter: seconds, retryAt },
  })
}
