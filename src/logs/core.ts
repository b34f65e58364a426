// The handful of things that every room is given.
import type { NewId, Random } from '../kernel/ids.ts'
import type { Clock } from '../kernel/time.ts'
import type { Store } from '../store/store.ts'
import type { Logger } from '../telemetry/logger.ts'

export interface Core {
  store: Store
  clock: Clock
  random: Random
  newId: NewId
  log: Logger
}
