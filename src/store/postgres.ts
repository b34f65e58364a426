import { AppError } from '../kernel/app-error.ts'
import type { StoreDeps } from './open.ts'
import type { Store } from './store.ts'

export async function openPostgres(_where: { url: string }, _deps: StoreDeps): Promise<Store> {
  throw new AppError('storage_unavailable', 'Postgres is not wired up yet.')
}
