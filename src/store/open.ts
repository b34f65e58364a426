// Opens the store that the settings name, brought up to the newest shape.
import type { Clock } from '../kernel/time.ts'
import type { Logger } from '../telemetry/logger.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

export type StoreLocation =
  /** `power`: event rows too are on the disk before they are acknowledged, at the price of an fsync per batch. */
  | { kind: 'sqlite'; dir: string; durability?: 'process' | 'power' }
  | { kind: 'postgres'; url: string }

export interface StoreDeps {
  clock: Clock
  log: Logger
}

/** @throws AppError data_locked | storage_unavailable | storage_newer */
export function openStore(where: StoreLocation, deps: StoreDeps): Promise<Store> {
  return where.kind === 'sqlite' ? openSqlite(where, deps) : openPostgres(where, deps)
}
