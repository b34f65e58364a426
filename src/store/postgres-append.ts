// Appends rows on a connection of its own, pipelined: the insert and the read of head.seq travel together but are two
// transactions, so the read sees everything that was committed before the rows were durable. One round trip.
import pg from 'pg'
import { eventColumns, eventColumnTypes } from './event-columns.ts'
import { clientOptions } from './postgres-pool.ts'
import { storable } from './storable.ts'
import { storageError } from './storage-error.ts'
import type { AppendRow, NewEvent } from './store.ts'

export interface PostgresAppend {
  rows(rows: readonly AppendRow[]): Promise<number>
  headSeq(): Promise<number>
  close(): Promise<void>
}

/** A call waits for this one: sooner refused than left hanging. */
const APPEND_MS = 5000

const columns = eventColumns.join(', ')
const shape = eventColumns.map((column) => `${column} ${eventColumnTypes[column]}`).join(', ')
const insert = (table: string, parameter: string) =>
  `insert into ${table} (${columns}) select ${columns} from json_to_recordset(${parameter}::json) as r (${shape})`

const statements = {
  auth: { name: 'append_auth', text: insert('auth_events', '$1') },
  workload: { name: 'append_workload', text: insert('workload_events', '$1') },
  both: {
    name: 'append_both',
    text: `with auth as (${insert('auth_events', '$1')}) ${insert('workload_events', '$2')}`,
  },
}
const head = { name: 'head', text: 'select seq from head where id = 1' }

export function createPostgresAppend(url: string): PostgresAppend {
  let connecting: Promise<pg.Client> | undefined
  let headRead: Promise<number> | undefined
  let closed = false

  const connect = (): Promise<pg.Client> => {
    connecting ??= open().catch((error) => {
      connecting = undefined
      throw error
    })
    return connecting
  }
  async function open(): Promise<pg.Client> {
    const client = new pg.Client({
      ...clientOptions(url),
      query_timeout: APPEND_MS,
      pipeline: true,
    })
    const forget = () => {
      if (!closed) connecting = undefined
    }
    // Whoever waits for an answer on it gets the error; the next one opens a new connection.
    client.on('error', forget)
    client.on('end', forget)
    await client.connect()
    return client
  }
  const readHead = async (client: pg.Client): Promise<number> =>
    (await client.query<{ seq: number }>(head)).rows[0]!.seq

  return {
    rows: async (rows) => {
      try {
        const client = await connect()
        const [, seq] = await Promise.all([client.query(insertOf(rows)), readHead(client)])
        return seq
      } catch (error) {
        throw storageError(error)
      }
    },
    // All who ask within one turn share one read, sent after the last of them asked.
    headSeq: () => {
      headRead ??= new Promise<void>((resolve) => setImmediate(resolve))
        .then(() => {
          headRead = undefined
          return connect()
        })
        .then(readHead)
        .catch((error) => {
          throw storageError(error)
        })
      return headRead
    },
    close: async () => {
      closed = true
      await (await connecting?.catch(() => undefined))?.end()
    },
  }
}

function insertOf(rows: readonly AppendRow[]): pg.QueryConfig {
  const auth: NewEvent[] = []
  const workload: NewEvent[] = []
  for (const { stream, event } of rows) (stream === 'auth' ? auth : workload).push(event)
  if (workload.length === 0) return { ...statements.auth, values: [recordset(auth)] }
  if (auth.length === 0) return { ...statements.workload, values: [recordset(workload)] }
  return { ...statements.both, values: [recordset(auth), recordset(workload)] }
}

function recordset(events: readonly NewEvent[]): string {
  const text = JSON.stringify(events)
  // Written out only for NUL and lone surrogates, which Postgres refuses (or for text that looks like it: no harm).
  if (!text.includes('\\u0000') && !text.includes('\\ud')) return text
  return JSON.stringify(events, (_, value: unknown) => storable(value))
}
