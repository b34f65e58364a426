// Removes what has been expired for so long that nobody needs it for a good reason text any more. Grants stay: they are
// tombstones. Bounded work per run, so that it never holds the store for long.
import type { DeleteResult } from 'kysely'
import { days, minutes } from '../kernel/time.ts'
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import { systemActor } from '../logs/event.ts'
import type { Tx } from '../store/store.ts'
import type { AuthServerDeps } from './deps.ts'
import { forgetUnusedIn, unusedClients } from './unused-clients.ts'

const BATCH = 500
/** In one run, per kind of row: enough for a gateway whose clients refresh ten thousand times in five minutes. */
const BATCHES = 20
/** For tokens the owner of a client may ask why, a week later; an expired page says so without its row. */
const KEPT: Record<string, number> = {
  Session: days(1),
  Interaction: minutes(1),
  PushedAuthorizationRequest: minutes(1),
  AuthorizationCode: days(7),
  RefreshToken: days(7),
}
/** After this a replayed refresh token is merely unknown; keeping each one until it expires would cost megabytes. */
const KEEP_CONSUMED = days(7)

const UNUSED = days(1)

export async function sweep({ core }: Pick<AuthServerDeps, 'core'>): Promise<void> {
  const now = core.clock.now()
  for (const [model, keep] of Object.entries(KEPT))
    await inBatches(core, (db) =>
      db
        .deleteFrom('oidc_records')
        .where('model', '=', model)
        .where(
          'id_hash',
          'in',
          db
            .selectFrom('oidc_records')
            .select('id_hash')
            .where('model', '=', model)
            .where((e) =>
              e.or([e('expires_at', '<', now - keep), e('consumed_at', '<', now - KEEP_CONSUMED)]),
            )
            .limit(BATCH),
        )
        .executeTakeFirst(),
    )
  await inBatches(core, (db) =>
    db
      .deleteFrom('access_tokens')
      .where(
        'hash',
        'in',
        db
          .selectFrom('access_tokens')
          .select('hash')
          .where('expires_at', '<', now - days(7))
          .limit(BATCH),
      )
      .executeTakeFirst(),
  )
  await forgetUnusedClients(core, now - UNUSED)
}

/** Small transactions, so that the store is never held for long. */
async function inBatches(core: Core, remove: (db: Tx) => Promise<DeleteResult>): Promise<void> {
  for (let batch = 0; batch < BATCHES; batch++) {
    const { numDeletedRows } = await core.store.transaction(({ db }) => remove(db))
    if (numDeletedRows < BATCH) return
  }
}

async function forgetUnusedClients(core: Core, before: number): Promise<void> {
  const by = systemActor(core.newId('req'))
  for (let batch = 0; batch < BATCHES; batch++) {
    const any = await unusedClients(core.store.db, before).limit(1).executeTakeFirst()
    if (!any) return
    await change(core, by, (unit) => forgetUnusedIn(unit, before, BATCH))
  }
}
