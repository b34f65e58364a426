// Appends to events.db. Each call is one transaction within one turn, so that nothing can get in between.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { eventColumns } from './event-columns.ts'
import { sealColumns } from './seal-columns.ts'
import { rollback } from './sqlite-dialect.ts'
import type { Synchronous } from './sqlite-files.ts'
import { storable } from './storable.ts'
import { storageError } from './storage-error.ts'
import type { AppendRow } from './store.ts'
import type { SealTable } from './tables/events.ts'

export interface Append {
  rows(rows: readonly AppendRow[]): void
  seal(seal: SealTable): void
}

/** `synchronous`: that of the rows. Seals are always on the disk before their checkpoint leaves the database. */
export function createAppend(db: DatabaseSync, synchronous: Synchronous): Append {
  const insert = (table: string, columns: readonly string[]) =>
    db.prepare(
      `insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`,
    )
  const statements = {
    auth: insert('auth_events', eventColumns),
    workload: insert('workload_events', eventColumns),
  }
  const seals = insert('seals', sealColumns)
  const begin = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  // One array for all rows: the driver copies the values when it binds them.
  const values = new Array<SQLInputValue>(eventColumns.length).fill(null)

  const inTransaction = (work: () => void) => {
    try {
      begin.run()
    } catch (error) {
      throw storageError(error)
    }
    try {
      work()
      commit.run()
    } catch (error) {
      rollback(db)
      throw storageError(error)
    }
  }
  return {
    rows: (rows) =>
      inTransaction(() => {
        for (const { stream, event } of rows) {
          for (let i = 0; i < eventColumns.length; i++)
            values[i] = storable(event[eventColumns[i]!] ?? null)
          statements[stream].run(...values)
        }
      }),
    // The sync takes along every row before it, so after a power cut no checkpoint is ahead of the chain.
    seal: (seal) => {
      db.exec('pragma synchronous = full')
      try {
        inTransaction(() => seals.run(...sealColumns.map((column) => seal[column])))
      } finally {
        db.exec(`pragma synchronous = ${synchronous}`)
      }
    },
  }
}
