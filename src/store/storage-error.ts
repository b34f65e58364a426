// Turns what a database driver throws into an AppError that says what, why and what to do. Mistakes in statements
// and violated constraints are not the database being away: those pass through unchanged.
import { AppError, isAppError, messageOf } from '../kernel/app-error.ts'

/** SQLite primary result codes that mean "cannot read or write now", each with what helps. */
const sqliteTrouble: Record<number, { what: string; remedy: string }> = {
  5: {
    what: 'another process keeps the database locked',
    remedy: 'Try again. If it stays, end the other process that uses this data folder.',
  },
  6: { what: 'the database is locked', remedy: 'Try again.' },
  7: { what: 'memory ran out', remedy: 'Give the process more memory.' },
  8: {
    what: 'the database is read-only',
    remedy: 'Make the data folder and its files writable for the user that runs mooring.',
  },
  10: {
    what: 'the disk reports an error',
    remedy: 'Check the disk that holds the data folder, then start mooring again.',
  },
  11: {
    what: 'the database file is damaged',
    remedy: 'Restore the data folder from a backup: mooring backup restore.',
  },
  13: { what: 'the disk is full', remedy: 'Free space on the disk that holds the data folder.' },
  14: {
    what: 'the database file cannot be opened',
    remedy: 'Check that the data folder exists and is writable for the user that runs mooring.',
  },
  26: {
    what: 'the file is not a database',
    remedy: 'Restore the data folder from a backup: mooring backup restore.',
  },
}

const networkTrouble = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
])

/** SQLSTATE classes of Postgres that mean the same: connection, resources, operator, system; and failed sign-in. */
const postgresTrouble = /^(08|28|53|57|58|25006|3D000|40)/

export function storageError(error: unknown): unknown {
  if (isAppError(error)) return error
  const trouble = sqliteReason(error) ?? postgresReason(error)
  if (!trouble) return error
  return new AppError('storage_unavailable', `The store cannot be used: ${trouble.what}.`, {
    remedy: trouble.remedy,
    cause: error,
  })
}

/** A row with this key exists already. Both dialects. */
export function isUniqueViolation(error: unknown): boolean {
  const { errcode, code } = error as { errcode?: unknown; code?: unknown }
  return errcode === 2067 || errcode === 1555 || code === '23505'
}

/** The extended result code, if SQLite threw this. */
export function sqliteCodeOf(error: unknown): number | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown }
  return code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' ? errcode : undefined
}

/** Another process has the database locked just now. */
export const isBusy = (error: unknown): boolean =>
  isAppError(error) && (sqliteCodeOf(error.cause) ?? 0) % 256 === 5

/** The driver gave up waiting: the connection may be dead, and whatever comes over it belongs to nobody. */
export const isLate = (error: unknown): boolean => /^query read timeout/i.test(messageOf(error))

function sqliteReason(error: unknown): { what: string; remedy: string } | undefined {
  const errcode = sqliteCodeOf(error)
  return errcode === undefined ? undefined : sqliteTrouble[errcode & 0xff]
}

function postgresReason(error: unknown): { what: string; remedy: string } | undefined {
  const remedy = 'Check that Postgres runs and that the database URL and password are right.'
  if (error instanceof AggregateError) return postgresReason(error.errors[0])
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code === 'string') {
    if (networkTrouble.has(code)) return { what: `Postgres cannot be reached (${code})`, remedy }
    if (code.length === 5 && postgresTrouble.test(code))
      return { what: `Postgres answers: ${messageOf(error)} (${code})`, remedy }
    return undefined
  }
  // The driver has no code for a connection that ended under a query or took too long to open.
  if (
    /^(connection (terminated|ended|timeout)|timeout e|query read timeout|client (was closed|has encountered))/i.test(
      messageOf(error),
    )
  )
    return { what: `the connection to Postgres failed (${messageOf(error)})`, remedy }
  return undefined
}
