// Kysely on node:sqlite. One instance per connection; Kysely's own mutex lets one transaction at a time in.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { messageOf } from '../kernel/app-error.ts'
import { storable } from './storable.ts'
import { storageError } from './storage-error.ts'

const CACHED_STATEMENTS = 500
/** About five seconds in all, most of it outside the turn. */
const BEGIN_ATTEMPTS = 80
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 50

export function sqliteDialect(db: DatabaseSync): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => createDriver(db),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

function createDriver(db: DatabaseSync): Driver {
  const connection = createConnection(db)
  const exec = (sql: string) => {
    try {
      db.exec(sql)
    } catch (error) {
      throw storageError(error)
    }
  }
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: () => begin(db),
    commitTransaction: async () => exec('commit'),
    rollbackTransaction: async () => {
      rollback(db)
    },
    releaseConnection: async () => {},
    destroy: async () => db.close(),
  }
}

/** A full disk makes SQLite roll back by itself; then there is no transaction left, and that is what was wanted. */
export function rollback(db: DatabaseSync): void {
  try {
    db.exec('rollback')
  } catch (error) {
    if (!/no transaction is active/.test(messageOf(error))) throw storageError(error)
  }
}

/**
 * Takes the write lock. Another process may hold it across turns, so the wait must leave the turn: real time, because
 * what it waits for is another process.
 */
async function begin(db: DatabaseSync): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      db.exec('begin immediate')
      return
    } catch (error) {
      const busy = (error as { errcode?: number }).errcode === 5
      if (!busy || attempt === BEGIN_ATTEMPTS) throw storageError(error)
      await wait(Math.min(attempt * FIRST_PAUSE_MS, LONGEST_PAUSE_MS))
    }
  }
}

function createConnection(db: DatabaseSync): DatabaseConnection {
  const statements = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known) return known
    const statement = db.prepare(sql)
    if (statements.size >= CACHED_STATEMENTS) statements.clear()
    statements.set(sql, statement)
    return statement
  }
  const run = <R>(query: CompiledQuery): QueryResult<R> => {
    try {
      const statement = prepare(query.sql)
      const parameters = (query.parameters as SQLInputValue[]).map(storable)
      if (givesRows(query)) return { rows: statement.all(...parameters) as R[] }
      const { changes, lastInsertRowid } = statement.run(...parameters)
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
    } catch (error) {
      throw storageError(error)
    }
  }
  return {
    executeQuery: async (query) => run(query),
    // All rows at once: an open cursor would pin an old snapshot for every later read of this connection.
    async *streamQuery<R>(query: CompiledQuery) {
      yield run<R>(query)
    },
  }
}

function givesRows({ query, sql }: CompiledQuery): boolean {
  if (query.kind === 'SelectQueryNode') return true
  if (query.kind === 'RawNode') return /^\s*(select|with|pragma|values)\b|\breturning\b/i.test(sql)
  return 'returning' in query && query.returning !== undefined
}
