// Locks between processes: an exclusive transaction on a tiny database file of their own. The operating system lets go
// of it when the process dies, however it dies.
import type { DatabaseSync } from 'node:sqlite'
import { openLockFile } from './sqlite-files.ts'
import { storageError } from './storage-error.ts'
import type { Store } from './store.ts'

export function createLocks(dir: string): { exclusively: Store['exclusively']; close(): void } {
  const files = new Map<string, DatabaseSync>()
  const held = new Set<string>()
  return {
    exclusively: async (lock, task) => {
      if (held.has(lock)) return false
      const file = files.get(lock) ?? openLockFile(dir, `${lock}.lock`)
      files.set(lock, file)
      try {
        file.exec('begin exclusive')
      } catch (error) {
        if ((error as { errcode?: number }).errcode === 5) return false
        throw storageError(error)
      }
      held.add(lock)
      try {
        await task()
      } finally {
        held.delete(lock)
        // close() may have let go of it already.
        if (files.has(lock)) file.exec('rollback')
      }
      return true
    },
    close: () => {
      for (const file of files.values()) file.close()
      files.clear()
    },
  }
}
