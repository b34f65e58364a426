// One transaction of the state: runs the work, then writes what changed as its last statements, then tells listeners.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Kysely } from 'kysely'
import { AppError } from '../kernel/app-error.ts'
import { writeChanges } from './changes.ts'
import type { Change, Store, Tx } from './store.ts'
import type { StateTables } from './tables/state.ts'

export function createTransaction(
  writer: Kysely<StateTables>,
  hooks: {
    /** Still within the transaction, after head.seq went up. */
    beforeCommit?: (tx: Tx) => Promise<unknown>
    committed: (seq: number, changes: readonly Change[]) => void
  },
): Store['transaction'] {
  const inside = new AsyncLocalStorage<{ running: boolean }>()
  return async (run) => {
    // Waiting for the outer one would wait forever: the outer one waits for this.
    if (inside.getStore()?.running)
      throw new AppError('internal', 'A transaction was started inside another one.', {
        remedy: 'Pass the handle of the outer transaction on.',
      })
    const mark = { running: true }
    const changes = new Map<string, Change>()
    const changed = (topic: Change['topic'], ref: string) =>
      void changes.set(`${topic} ${ref}`, { topic, ref })
    let seq = 0
    const result = await writer
      .transaction()
      .execute(async (db) => {
        const value = await inside.run(mark, () => run({ db, changed }))
        if (changes.size > 0) {
          seq = await writeChanges(db, [...changes.values()])
          await hooks.beforeCommit?.(db)
        }
        return value
      })
      .finally(() => {
        // What `run` left running in the background may start transactions of its own.
        mark.running = false
      })
    if (changes.size > 0) hooks.committed(seq, [...changes.values()])
    return result
  }
}
