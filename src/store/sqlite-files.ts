// The data folder and its database files: created private (0700, 0600), opened with the settings each file needs.
import { chmodSync, closeSync, openSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AppError, messageOf } from '../kernel/app-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { makeFolder } from './make-folder.ts'
import { storageError } from './storage-error.ts'

export type Synchronous = 'FULL' | 'NORMAL'

const dataLocked = (what: string, cause: unknown) =>
  new AppError('data_locked', `${what} cannot be used: ${messageOf(cause)}`, {
    remedy: 'Choose a writable folder with --data DIR, or give the user that runs mooring access.',
    cause,
  })

/** Makes the folder if it is missing. An older folder of ours is closed to others; a foreign one is left as it is. */
export function openDataFolder(dir: string, log: Logger): void {
  try {
    makeFolder(dir)
    if ((statSync(dir).mode & 0o077) === 0) return
    const names = readdirSync(dir)
    if (names.length === 0 || names.includes('state.db')) chmodSync(dir, 0o700)
    else
      log.warn(
        { dir },
        'The data folder is open to other users of this machine. Close it: chmod 700',
      )
  } catch (error) {
    throw dataLocked(`The data folder ${dir}`, error)
  }
}

/** Opens one file in WAL mode. `waitMs`: how long a statement may block the process for a lock of another one. */
export function openDatabase(
  dir: string,
  file: string,
  {
    synchronous,
    readOnly = false,
    waitMs = 2000,
  }: {
    synchronous: Synchronous
    readOnly?: boolean
    waitMs?: number
  },
): DatabaseSync {
  const path = join(dir, file)
  try {
    // Created here, so that it is never readable by others; SQLite gives -wal and -shm the same mode.
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    throw dataLocked(path, error)
  }
  try {
    const db = new DatabaseSync(path)
    db.exec(`pragma busy_timeout = 10000`)
    db.exec(`pragma journal_mode = wal; pragma synchronous = ${synchronous};
      pragma foreign_keys = on; pragma busy_timeout = ${waitMs}`)
    if (readOnly) db.exec('pragma query_only = on')
    return db
  } catch (error) {
    throw storageError(error)
  }
}

/** A file that is only ever locked, never written. It does not wait: busy is an answer. */
export function openLockFile(dir: string, file: string): DatabaseSync {
  const path = join(dir, file)
  try {
    closeSync(openSync(path, 'a', 0o600))
    const db = new DatabaseSync(path)
    db.exec('pragma busy_timeout = 0')
    return db
  } catch (error) {
    throw dataLocked(path, error)
  }
}
