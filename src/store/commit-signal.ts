// Tells the caches of this process about its own commits, before the one who committed goes on.
import type { Logger } from '../telemetry/logger.ts'
import type { Change, Store } from './store.ts'

export function commitSignal(log: Logger): {
  onCommit: Store['onCommit']
  committed(seq: number, changes: readonly Change[]): void
} {
  const listeners = new Set<Parameters<Store['onCommit']>[0]>()
  return {
    onCommit: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    committed: (seq, changes) => {
      for (const listener of listeners) {
        try {
          listener(seq, changes)
        } catch (error) {
          // The change is committed; a listener that fails must not make it look undone.
          log.error({ err: error, seq }, 'A listener of the change sequence failed')
        }
      }
    },
  }
}
