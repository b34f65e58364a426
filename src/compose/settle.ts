// When calls that a gateway left open get their outcome `unknown`: at the start where this one is alone with its store, and
// again with every sweep, because on Postgres other replicas may be at work.
import { days, seconds } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import type { Journal } from '../logs/journal.ts'
import { lastRow, settleUnknown } from '../logs/recover.ts'

/** No call is open for longer. */
const LONGEST_CALL_MS = days(1)
/** A replica whose connection broke is back by then, and seen. */
const LOOK_AGAIN_MS = seconds(5)

export interface Settling {
  /** Settles what nobody can be working on any more. */
  sweep(): Promise<void>
  stop(): void
}

/** To be called before the first call is accepted. */
export async function startSettling(core: Core, journal: Journal): Promise<Settling> {
  const { store, clock, log } = core
  const notMine = await lastRow(core)
  const sweep = async () => {
    const upTo = (await store.alone()) ? notMine : 0
    await settleUnknown(core, journal, clock.now() - LONGEST_CALL_MS, upTo)
  }
  if (store.dialect === 'sqlite') {
    await sweep()
    return { sweep, stop: () => {} }
  }
  const later = clock.after(LOOK_AGAIN_MS, () => {
    sweep().catch((error: unknown) =>
      log.error({ err: error }, 'calls that were left open are not settled yet'),
    )
  })
  return { sweep, stop: () => later.cancel() }
}
