// Connections to Postgres with our reading of types and errors: 64-bit integers are numbers, what the server cannot hold
// is replaced, trouble is an AppError.

import type { PostgresPool, PostgresPoolClient } from 'kysely'
import pg from 'pg'
import type { Logger } from '../telemetry/logger.ts'
import { storable } from './storable.ts'
import { isLate, storageError } from './storage-error.ts'

const CONNECTIONS = 10
const CONNECT_MS = 5000
const QUERY_MS = 10_000
/** A peer that vanished without a word is noticed after about twice this, also on a connection that only listens. */
const KEEP_ALIVE_MS = 10_000

/** Per client, not pg's global table: a library must not change another one's types. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
}

export const clientOptions = (url: string): pg.ClientConfig => ({
  connectionString: url,
  application_name: 'mooring',
  connectionTimeoutMillis: CONNECT_MS,
  query_timeout: QUERY_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  types,
})

/** For work that may take any time, such as a migration, or waiting for one. */
export const patientOptions = (url: string): pg.ClientConfig => ({
  ...clientOptions(url),
  query_timeout: 0,
})

export function createPool(
  options: pg.ClientConfig,
  log: Logger,
  max: number = CONNECTIONS,
): pg.Pool {
  const pool = new pg.Pool({ ...options, max })
  // Whoever uses the connection gets the error from its query; a broken one is replaced at the next use. Without a
  // listener on each client, one that breaks while it is in use would end the process.
  const lost = (error: Error) => log.warn({ err: error }, 'A connection to Postgres was lost')
  // The pool repeats what an idle client said.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', lost))
  return pool
}

/** The pool as Kysely wants it. */
export function kyselyPool(pool: pg.Pool): PostgresPool {
  const wrapped = new WeakMap<pg.PoolClient, PostgresPoolClient>()
  return {
    options: pool.options,
    connect: async () => {
      const client = await pool.connect().catch((error) => {
        throw storageError(error)
      })
      const known = wrapped.get(client)
      if (known) return known
      const fresh = wrap(client)
      wrapped.set(client, fresh)
      return fresh
    },
    end: () => pool.end(),
  }
}

function wrap(client: pg.PoolClient): PostgresPoolClient {
  // Once a query got no answer in time, none on this connection may: it must not go back to the others.
  let late: unknown
  const query = async (sql: string, parameters: readonly unknown[]) => {
    if (late !== undefined) throw storageError(late)
    try {
      return await client.query(sql, parameters.map(storable))
    } catch (error) {
      if (isLate(error)) late = error
      throw storageError(error)
    }
  }
  return {
    // Cursors are not configured, so Kysely only uses the form with text and parameters.
    query: query as unknown as PostgresPoolClient['query'],
    release: (destroy) => client.release(late !== undefined || destroy),
  }
}
