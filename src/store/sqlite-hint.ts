// Notices within a second that another process committed to state.db. Only a hint: correctness comes from head.seq.
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../kernel/time.ts'
import type { Logger } from '../telemetry/logger.ts'

const POLL_MS = 1000

export function watchHead(reader: DatabaseSync, headSeq: () => number, clock: Clock, log: Logger) {
  const listeners = new Set<() => void>()
  const version = reader.prepare('pragma data_version')
  let lastVersion = version.get()!.data_version
  let lastSeq = headSeq()
  let timer = clock.after(POLL_MS, poll)

  function poll(): void {
    timer = clock.after(POLL_MS, poll)
    try {
      // One cheap pragma tells whether anything was written at all.
      const now = version.get()!.data_version
      if (now === lastVersion) return
      lastVersion = now
      const seq = headSeq()
      if (seq === lastSeq) return
      lastSeq = seq
    } catch (error) {
      log.warn({ err: error }, 'Cannot look for changes of other processes')
      return
    }
    for (const listener of listeners) listener()
  }

  return {
    onHint: (listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    /** A commit of this process needs no hint. */
    seen: (seq: number) => {
      if (seq === lastSeq + 1) lastSeq = seq
    },
    stop: () => timer.cancel(),
  }
}
