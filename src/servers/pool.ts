// Links that are open, by server and by whom they are for: opened once, shared, reaped when idle, re-opened when lost.
import { AppError } from '../kernel/app-error.ts'
import { canonicalJson } from '../kernel/digest.ts'
import { type Clock, minutes } from '../kernel/time.ts'
import type { Logger } from '../telemetry/logger.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import type { Link, LinkFor, RpcNotification } from './link.ts'
import type { Opener } from './open-link.ts'
import { type ServerStatus, statusOf } from './pool-status.ts'
import type { Server, ServerSecret } from './server.ts'
import { trackedLink } from './tracked-link.ts'

export type PoolListener = (server: Server, linkFor: LinkFor, notification: RpcNotification) => void

export interface Pool {
  /**
   * The open link for this use, or a new one. Keep the LinkFor object: its key is computed once.
   * @throws AppError as Opener.open; server_unreachable while the breaker is open; overloaded
   */
  link(server: Server, linkFor: LinkFor): Promise<Link>
  /** News outside any call, of every link; a listener set on one link itself takes that link's news away. */
  onNotification(listener: PoolListener): () => void
  /** A new link was opened. */
  onOpen(listener: (server: Server, linkFor: LinkFor) => void): () => void
  /** Closes every link of a server and forgets its failures. */
  drop(serverId: string): Promise<void>
  /** Closes every link that was opened for one user or session: nobody else uses it. */
  dropUse(affinity: string): Promise<void>
  status(serverId: string): ServerStatus
  close(): Promise<void>
}

export interface PoolDeps {
  clock: Clock
  log: Logger
  opener: Pick<Opener, 'open'>
  secretOf(server: Server): ServerSecret | Promise<ServerSecret>
  /** Before a lost call is sent once more. @throws AppError server_closed when the server is not what it was */
  checkUnchanged?(server: Server): Promise<void>
  /** Programs at once. */
  children: number
}

export interface PoolEntry {
  key: string
  affinity: string
  server: Server
  opening: Promise<Link>
  /** Undefined while it opens. */
  link: Link | undefined
  openedAt: number
  /** Monotonic. */
  usedAt: number
  inFlight: number
  /** Ends an opening that nobody wants any more. */
  unwanted: AbortController
}

export interface ServerRecord {
  breaker: Breaker
  /** How often a link was opened after another one had been lost. */
  restarts: number
  lost: boolean
}

const IDLE = { stdio: minutes(5), other: minutes(10) }
const REAP_EVERY = minutes(1)

export function createPool(deps: PoolDeps): Pool {
  const { clock, log } = deps
  const entries = new Map<string, PoolEntry>()
  const records = new Map<string, ServerRecord>()
  const listeners = new Set<PoolListener>()
  const openListeners = new Set<(server: Server, linkFor: LinkFor) => void>()
  const uses = new WeakMap<LinkFor, string>()
  const stopping = new AbortController()

  const recordOf = (server: Server): ServerRecord => {
    let record = records.get(server.id)
    if (!record) {
      record = { breaker: createBreaker(clock, server.name), restarts: 0, lost: false }
      records.set(server.id, record)
    }
    return record
  }

  const keyOf = (server: Server, linkFor: LinkFor): string => {
    let use = uses.get(linkFor)
    if (use === undefined) {
      use = canonicalJson([linkFor.affinity, linkFor.capabilities])
      uses.set(linkFor, use)
    }
    return `${server.id} ${server.revision} ${use}`
  }

  const remove = (entry: PoolEntry) => {
    if (entries.get(entry.key) === entry) entries.delete(entry.key)
  }

  const closeEntry = async (entry: PoolEntry, why: string) => {
    remove(entry)
    if (!entry.link)
      entry.unwanted.abort(
        new AppError('server_closed', `${entry.server.name} was changed while it was opened.`, {
          remedy: 'Try again.',
        }),
      )
    try {
      await (await entry.opening).close()
    } catch (error) {
      log.debug({ server: entry.server.name, err: error }, `link closed (${why})`)
    }
  }

  const closeAll = (chosen: PoolEntry[], why: string) =>
    Promise.all(chosen.map((entry) => closeEntry(entry, why)))

  const of = (serverId: string) => [...entries.values()].filter((e) => e.server.id === serverId)

  const idleFirst = (kind: string) =>
    [...entries.values()]
      .filter((e) => e.link && e.inFlight === 0 && e.server.spec.kind === kind)
      .sort((a, b) => a.usedAt - b.usedAt)[0]

  /** @throws AppError overloaded */
  const makeRoom = () => {
    const running = [...entries.values()].filter((e) => e.server.spec.kind === 'stdio')
    if (running.length < deps.children) return
    const idle = idleFirst('stdio')
    if (!idle) {
      throw new AppError('overloaded', `All ${deps.children} server programs are busy.`, {
        remedy: 'Try again in a moment, or raise limits.children.',
      })
    }
    void closeEntry(idle, 'room for another program')
  }

  const reap = () => {
    const now = clock.monotonic()
    const idle = [...entries.values()].filter((e) => {
      const limit = e.server.spec.kind === 'stdio' ? IDLE.stdio : IDLE.other
      return e.link && e.inFlight === 0 && now - e.usedAt >= limit
    })
    void closeAll(idle, 'idle')
    if (!stopping.signal.aborted) clock.after(REAP_EVERY, reap)
  }
  clock.after(REAP_EVERY, reap)

  const open = (server: Server, linkFor: LinkFor, key: string): PoolEntry => {
    if (stopping.signal.aborted) throw new AppError('overloaded', 'The gateway is shutting down.')
    const record = recordOf(server)
    record.breaker.check()
    if (server.spec.kind === 'stdio') makeRoom()
    const stale = of(server.id).filter((e) => e.server.revision < server.revision)
    void closeAll(stale, 'the server was changed')
    const entry: PoolEntry = {
      key,
      affinity: linkFor.affinity,
      server,
      opening: Promise.reject(new Error('not opened')),
      link: undefined,
      openedAt: clock.now(),
      usedAt: clock.monotonic(),
      inFlight: 0,
      unwanted: new AbortController(),
    }
    entry.opening.catch(() => undefined) // A placeholder: the real one follows at once.
    entry.opening = (async () => {
      try {
        const signal = AbortSignal.any([stopping.signal, entry.unwanted.signal])
        const secret = await deps.secretOf(server)
        signal.throwIfAborted()
        const link = await deps.opener.open(server, secret, linkFor, {
          signal,
          reopen: async () => {
            await deps.checkUnchanged?.(server)
            const again = await pool.link(server, linkFor)
            await deps.checkUnchanged?.(server)
            return again
          },
        })
        link.onNotification((notification) => {
          for (const listener of listeners) listener(server, linkFor, notification)
        })
        if (record.lost) record.restarts++
        record.lost = false
        entry.openedAt = clock.now()
        entry.usedAt = clock.monotonic()
        entry.link = trackedLink(link, entry, record.breaker, clock)
        for (const listener of openListeners) listener(server, linkFor)
        return entry.link
      } catch (error) {
        if (!entry.unwanted.signal.aborted) record.breaker.failure(error)
        remove(entry)
        throw error
      }
    })()
    entry.opening.catch(() => undefined) // Whoever asked for the link hears of it.
    entries.set(key, entry)
    return entry
  }

  const pool: Pool = {
    link: (server, linkFor) => {
      const key = keyOf(server, linkFor)
      const entry = entries.get(key)
      if (entry && !entry.link?.closed) {
        entry.usedAt = clock.monotonic()
        return entry.opening
      }
      if (entry) {
        remove(entry)
        const record = recordOf(server)
        record.lost = true
        if (server.spec.kind === 'stdio')
          record.breaker.crashed(entry.link?.closed, clock.now() - entry.openedAt)
      }
      try {
        return open(server, linkFor, key).opening
      } catch (error) {
        return Promise.reject(error)
      }
    },
    onNotification: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onOpen: (listener) => {
      openListeners.add(listener)
      return () => void openListeners.delete(listener)
    },
    drop: async (serverId) => {
      records.delete(serverId)
      await closeAll(of(serverId), 'the server was dropped')
    },
    dropUse: async (affinity) => {
      await closeAll(
        [...entries.values()].filter((entry) => entry.affinity === affinity),
        'its user is gone',
      )
    },
    status: (serverId) => statusOf(of(serverId), records.get(serverId)),
    close: async () => {
      stopping.abort(new AppError('overloaded', 'The gateway is shutting down.'))
      await closeAll([...entries.values()], 'shutting down')
    },
  }
  return pool
}
