// Group commit for the auth and workload streams: all rows of one turn are one transaction.
import type { NewEvent } from '../store/store.ts'

export interface Journal {
  /** Durable when resolved, with the head.seq read after the rows were. Rejects with storage_unavailable. */
  write(stream: 'auth' | 'workload', event: NewEvent): Promise<number>
  /** For rows that no reply waits for; a failure is counted and logged, never thrown. */
  record(stream: 'auth' | 'workload', event: NewEvent): void
  /** Resolves when everything recorded so far is durable. */
  flush(): Promise<void>
}
