// Removes what has been expired for so long that nobody needs it for a good reason text any more. Grants stay: they are
// tombstones. Bounded work per run, so that it never holds the store for long.
import { days } from '../kernel/time.ts'
import { change } from '../logs/change.ts'
import { systemActor } from '../logs/event.ts'
import type { AuthServerDeps } from './deps.ts'

const BATCH = 500
/** Pages and sessions explain themselves; for tokens the owner of a client may ask why, a week later. */
const KEPT: Record<string, number> = {
  Session: days(1),
  Interaction: days(1),
  PushedAuthorizationRequest: days(1),
  AuthorizationCode: days(7),
  RefreshToken: days(7),
}
/** After this a replayed refresh token is merely unknown; keeping each one until it expires would cost megabytes. */
const KEEP_CONSUMED = days(7)

const UNUSED = days(1)

export async function sweep({ core }: Pick<AuthServerDeps, 'core'>): Promise<void> {
  const now = core.clock.now()
  const { db } = core.store
  for (const [model, keep] of Object.entries(KEPT)) {
    const old = await db
      .selectFrom('oidc_records')
      .select('id_hash')
      .where('model', '=', model)
      .where((e) =>
        e.or([e('expires_at', '<', now - keep), e('consumed_at', '<', now - KEEP_CONSUMED)]),
      )
      .limit(BATCH)
      .execute()
    if (old.length === 0) continue
    await core.store.transaction(({ db }) =>
      db
        .deleteFrom('oidc_records')
        .where('model', '=', model)
        .where(
          'id_hash',
          'in',
          old.map((row) => row.id_hash),
        )
        .execute(),
    )
  }
  const tokens = await db
    .selectFrom('access_tokens')
    .select('hash')
    .where('expires_at', '<', now - days(7))
    .limit(BATCH)
    .execute()
  if (tokens.length > 0)
    await core.store.transaction(({ db }) =>
      db
        .deleteFrom('access_tokens')
        .where(
          'hash',
          'in',
          tokens.map((row) => row.hash),
        )
        .execute(),
    )
  await forgetUnusedClients({ core }, now - UNUSED)
}

/** Registered by somebody who never signed in with it: anyone may register, so these must not pile up. */
async function forgetUnusedClients({ core }: Pick<AuthServerDeps, 'core'>, before: number) {
  const unused = await core.store.db
    .selectFrom('clients')
    .select('id')
    .where('kind', '=', 'dcr')
    .where('created_at', '<', before)
    .where('last_used_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('trusted', '=', 0)
    .limit(BATCH)
    .execute()
  if (unused.length === 0) return
  const by = systemActor(core.newId('req'))
  await change(core, by, async ({ db, audit, changed }) => {
    const gone = await db
      .deleteFrom('clients')
      .where(
        'id',
        'in',
        unused.map((row) => row.id),
      )
      // Somebody may have signed in with it since it was listed.
      .where('last_used_at', 'is', null)
      .returning('id')
      .execute()
    for (const { id } of gone) changed('client', id)
    await audit({
      code: 'client.expired',
      target: { type: 'client', id: 'unused', name: 'unused registrations' },
      detail: { count: gone.length },
    })
  })
}
