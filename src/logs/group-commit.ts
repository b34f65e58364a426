// Group commit for the auth and workload streams: what all requests of one turn write becomes one transaction.
//
// Batches close in setImmediate: it runs right after the event loop has handed out everything that the sockets had
// ready, so calls that arrived together share a commit, and a lone call waits for nothing. A microtask would close the
// batch after every single socket; a timer would add its delay to every call.
import { AppError, isAppError } from '../kernel/app-error.ts'
import type { AppendRow, NewEvent } from '../store/store.ts'
import type { Core } from './core.ts'
import type { Journal } from './journal.ts'

/** Bounds how long one batch keeps the turn; the rest follows in the next one. */
const MAX_BATCH = 512
/** More only while Postgres is slow: then waiting makes the batches larger instead of the queue deeper. */
const MAX_IN_FLIGHT = 4
/** Rows that no reply waits for and that could not be written yet. */
const MAX_KEPT = 10_000
const RETRY_MS = 1000

interface Entry extends AppendRow {
  /** Set by write(), not by record(). */
  done?: (seq: number) => void
  failed?: (error: AppError) => void
}

export interface GroupCommit extends Journal {
  /** Rows waiting to be tried again, and rows given up since the start (each was logged). */
  trouble(): { waiting: number; lost: number }
}

export function createJournal(core: Core): GroupCommit {
  const { store, clock, log } = core
  let queue: Entry[] = []
  let kept: Entry[] = []
  let scheduled = false
  let retrying = false
  let lost = 0
  let unreported = 0
  const inFlight = new Set<Promise<void>>()

  const schedule = () => {
    if (scheduled) return
    scheduled = true
    setImmediate(send)
  }

  function send(): void {
    scheduled = false
    if (queue.length === 0 || inFlight.size >= MAX_IN_FLIGHT) return
    const batch = queue.length <= MAX_BATCH ? queue : queue.slice(0, MAX_BATCH)
    queue = queue.length <= MAX_BATCH ? [] : queue.slice(MAX_BATCH)
    const sending = commit(batch).finally(() => {
      inFlight.delete(sending)
      if (queue.length > 0) schedule()
    })
    inFlight.add(sending)
    if (queue.length > 0) schedule()
  }

  async function commit(batch: Entry[]): Promise<void> {
    try {
      const seq = await store.append(batch)
      for (const entry of batch) entry.done?.(seq)
      if (unreported > 0) reportLoss()
    } catch (error) {
      // One row that the database will never take must not take the others with it.
      if (batch.length > 1 && !isAppError(error, 'storage_unavailable'))
        for (const entry of batch) await commit([entry])
      else for (const entry of batch) fail(entry, error)
    }
  }

  function fail(entry: Entry, cause: unknown): void {
    if (entry.failed) entry.failed(unavailable(cause))
    else if (isAppError(cause, 'storage_unavailable') && kept.length < MAX_KEPT) keep(entry, cause)
    else giveUp(entry, cause)
  }

  function keep(entry: Entry, cause: unknown): void {
    if (kept.length === 0)
      log.error({ err: cause }, 'Log rows cannot be written; they are kept and tried again')
    kept.push(entry)
    if (retrying) return
    retrying = true
    clock.after(RETRY_MS, retry)
  }

  function retry(): void {
    retrying = false
    if (kept.length === 0) return
    queue = [...kept, ...queue]
    kept = []
    schedule()
  }

  /** The row itself goes to the process log, so that it exists somewhere. */
  function giveUp({ stream, event }: Entry, cause: unknown): void {
    lost++
    unreported++
    log.error({ err: cause, stream, event, lost }, 'A log row could not be stored')
  }

  /** As soon as rows can be written again, the log itself says that it has a gap. */
  function reportLoss(): void {
    const detail = JSON.stringify({ rows: unreported })
    unreported = 0
    const id = core.newId('evt')
    record('auth', { id, at: clock.now(), code: 'log.rows_lost', severity: 'error', detail })
  }

  function record(stream: Entry['stream'], event: NewEvent): void {
    queue.push({ stream, event })
    schedule()
  }

  return {
    write: (stream, event) =>
      new Promise((done, failed) => {
        queue.push({ stream, event, done, failed })
        schedule()
      }),
    record,
    flush: async () => {
      retry()
      while (queue.length > 0 || inFlight.size > 0) {
        if (inFlight.size === 0) send()
        await Promise.all(inFlight)
      }
      if (kept.length > 0)
        throw unavailable(new Error(`${kept.length} log rows are not written yet`))
    },
    trouble: () => ({ waiting: kept.length, lost }),
  }
}

function unavailable(cause: unknown): AppError {
  if (isAppError(cause, 'storage_unavailable')) return cause
  return new AppError('storage_unavailable', 'The log cannot be written, so nothing was done.', {
    remedy: 'Look at the log of the gateway for the reason, and try again.',
    cause,
  })
}
