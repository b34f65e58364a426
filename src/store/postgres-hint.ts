// Hears of commits of other processes through LISTEN. Only a hint: correctness comes from head.seq.
import pg from 'pg'
import type { Clock } from '../kernel/time.ts'
import type { Logger } from '../telemetry/logger.ts'
import { clientOptions } from './postgres-pool.ts'

export const CHANNEL = 'mooring_changes'
const RECONNECT_MS = 1000

/** Held for as long as a process listens, so that another one can tell whether it is alone. */
const PRESENCE = 'mooring_presence'

export interface HintListener {
  /** Whether this connection is the only one that listens. @throws what the driver throws */
  alone(): Promise<boolean>
  onHint(listener: () => void): () => void
  stop(): Promise<void>
}

/** `self` is what this process sends along with its own commits: those need no hint. */
export async function listenForHints(
  url: string,
  self: string,
  clock: Clock,
  log: Logger,
): Promise<HintListener> {
  const listeners = new Set<() => void>()
  let client: pg.Client | undefined
  let stopped = false
  let timer = { cancel: () => {} }

  const hint = () => {
    for (const listener of listeners) listener()
  }
  async function connect(): Promise<void> {
    const fresh = new pg.Client(clientOptions(url))
    fresh.on('notification', ({ payload }) => {
      if (payload !== self) hint()
    })
    let up = false
    let lost = false
    const reconnect = (error?: Error) => {
      // Until it is up whoever called connect() hears of it, and tries again once.
      if (stopped || lost || !up) return
      lost = true
      if (error) log.warn({ err: error }, 'Not listening for changes of other processes just now')
      timer = clock.after(RECONNECT_MS, () => void again())
    }
    fresh.on('error', reconnect)
    fresh.on('end', () => reconnect())
    try {
      await fresh.connect()
      await fresh.query(`listen ${CHANNEL}`)
      await fresh.query('select pg_advisory_lock_shared(hashtext($1))', [PRESENCE])
    } catch (error) {
      fresh.end().catch((cause: unknown) => log.debug({ err: cause }, 'A connection did not end'))
      throw error
    }
    up = true
    client = fresh
  }
  async function again(): Promise<void> {
    try {
      await connect()
      // Whatever was sent in between was missed.
      hint()
    } catch (error) {
      if (stopped) return
      log.debug({ err: error }, 'Still not listening for changes of other processes')
      timer = clock.after(RECONNECT_MS, () => void again())
    }
  }

  await connect()
  return {
    onHint: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    alone: async () => {
      if (!client) return false
      // The shared lock of this session is no obstacle to itself, those of others are. Held for the statement alone: an
      // answer that comes too late must leave nothing behind.
      const { rows } = await client.query<{ taken: boolean }>(
        'select pg_try_advisory_xact_lock(hashtext($1)) as taken',
        [PRESENCE],
      )
      return rows[0]?.taken === true
    },
    stop: async () => {
      stopped = true
      timer.cancel()
      await client?.end()
    },
  }
}
