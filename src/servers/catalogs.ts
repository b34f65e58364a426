// The catalogues of all servers in memory: first as stored, then as read, again whenever a server says that they
// changed. One server that is down keeps its last good lists and holds up nobody.
import { buildCatalog, type CatalogPayload, LISTS, type ListName } from '../catalog/build.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { createSchemaChecker } from '../catalog/schema-check.ts'
import { AppError, messageOf } from '../kernel/app-error.ts'
import { canonicalJson } from '../kernel/digest.ts'
import { minutes, seconds } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import { loadPayloads, storePayload } from './catalog-rows.ts'
import { deadlineOf } from './deadline.ts'
import type { LinkFor } from './link.ts'
import type { Pool } from './pool.ts'
import { readCatalog } from './read-catalog.ts'
import type { Server } from './server.ts'

export type ChangedList = 'tools' | 'prompts' | 'resources'
export type CatalogListener = (server: Server, lists: readonly ChangedList[]) => void

export interface Catalogs {
  /** Loads what is stored, then reads every server in the background. */
  start(servers: readonly Server[]): Promise<void>
  /** Servers came, went or changed. */
  follow(servers: readonly Server[]): void
  /** Another process stored a newer catalogue. */
  reload(serverId: string): Promise<void>
  get(serverId: string): Catalog | null
  /** Why the last attempt to read it failed; null when it did not. */
  problem(serverId: string): { message: string; at: number } | null
  /** Reads one server now. @throws AppError of the link or the lists */
  refresh(serverId: string): Promise<Catalog>
  /** Resolves when every server was tried once. */
  settled(): Promise<void>
  onChange(listener: CatalogListener): () => void
  close(): void
}

/** The link of nobody in particular: catalogues, and calls of clients that cannot be asked questions. */
export const SHARED_LINK: LinkFor = {
  affinity: 'shared',
  clientInfo: { name: 'mooring', version: '0.1.0' },
  capabilities: {},
}

const READ_DEADLINE = seconds(30)
const FIRST_RETRY = seconds(1)
const LONGEST_RETRY = minutes(1)
/** Servers on the network are read again now and then, in case their news was lost; programs only when they run anyway. */
const POLL = minutes(5)
const LIST_CHANGED = /^notifications\/(tools|prompts|resources)\/list_changed$/

interface Holding {
  server: Server
  payload: CatalogPayload | null
  catalog: Catalog | null
  problem: { message: string; at: number } | null
  reading: Promise<Catalog> | null
  /** News came while reading. */
  again: boolean
  failures: number
  timer: { cancel(): void } | null
}

export function createCatalogs(core: Core, pool: Pool, longestName?: number): Catalogs {
  const { clock, log } = core
  const holdings = new Map<string, Holding>()
  const listeners = new Set<CatalogListener>()
  const checker = createSchemaChecker()
  const closing = new AbortController()

  const put = (holding: Holding, payload: CatalogPayload): ChangedList[] => {
    const changed = changedLists(holding.payload, payload)
    holding.payload = payload
    holding.catalog = buildCatalog(holding.server, payload, checker, longestName)
    return changed
  }

  const tell = (server: Server, changed: ChangedList[]) => {
    if (changed.length > 0) for (const listener of listeners) listener(server, changed)
  }

  const schedule = (holding: Holding, ms: number) => {
    holding.timer?.cancel()
    if (closing.signal.aborted) return
    holding.timer = clock.after(ms, () => {
      read(holding).catch(() => undefined) // It is in `problem`, and tried again.
    })
  }

  const read = (holding: Holding): Promise<Catalog> => {
    if (holding.reading) {
      holding.again = true
      return holding.reading
    }
    holding.timer?.cancel()
    holding.reading = readNow(holding).finally(() => {
      holding.reading = null
      if (!holding.again || holdings.get(holding.server.id) !== holding) return
      holding.again = false
      schedule(holding, 0)
    })
    return holding.reading
  }

  const readNow = async (holding: Holding): Promise<Catalog> => {
    const { server } = holding
    const late = () =>
      new AppError('server_timeout', `${server.name} took too long to list what it offers.`, {
        remedy: 'It is tried again by itself.',
      })
    const limit = deadlineOf(clock, READ_DEADLINE, closing.signal, late)
    try {
      const link = await untilAborted(pool.link(server, SHARED_LINK), closing.signal)
      const read = await readCatalog(link, server, limit.signal, clock.now)
      const payload = keepLastGood(holding.payload, read)
      if (holdings.get(server.id) !== holding || holding.server !== server)
        throw new AppError('conflict', `${server.name} was changed meanwhile.`)
      const changed = put(holding, payload)
      if (changed.length > 0) await save(server, payload)
      holding.problem = null
      holding.failures = 0
      if (server.spec.kind === 'http' || server.spec.kind === 'sse') schedule(holding, POLL)
      tell(server, changed)
      return holding.catalog!
    } catch (error) {
      holding.problem = { message: messageOf(error), at: clock.now() }
      if (holdings.get(server.id) === holding) {
        schedule(holding, Math.min(FIRST_RETRY * 2 ** holding.failures++, LONGEST_RETRY))
        log.warn({ server: server.name, err: error }, 'catalogue not read')
      }
      throw error
    } finally {
      limit.clear()
    }
  }

  const save = async (server: Server, payload: CatalogPayload) => {
    try {
      await storePayload(core, server.id, payload)
    } catch (error) {
      // The catalogue in memory serves; only a restart while the server is down would miss it.
      log.error({ server: server.name, err: error }, 'catalogue not stored')
    }
  }

  const hold = (server: Server): Holding => {
    const holding: Holding = {
      server,
      payload: null,
      catalog: null,
      problem: null,
      reading: null,
      again: false,
      failures: 0,
      timer: null,
    }
    holdings.set(server.id, holding)
    return holding
  }

  const begin = (holding: Holding) => void read(holding).catch(() => undefined) // It is in `problem`.

  const letGo = (holding: Holding) => {
    holding.timer?.cancel()
    holdings.delete(holding.server.id)
  }

  const known = (serverId: string): Holding => {
    const holding = holdings.get(serverId)
    if (!holding) throw new AppError('server_unknown', 'There is no such server.')
    return holding
  }

  const offNews = pool.onNotification((server, _linkFor, { method }) => {
    const holding = holdings.get(server.id)
    if (holding && LIST_CHANGED.test(method)) begin(holding)
  })
  const offOpen = pool.onOpen((server, { affinity }) => {
    const holding = holdings.get(server.id)
    const restarted = server.spec.kind === 'stdio' && affinity === SHARED_LINK.affinity
    if (restarted && holding && !holding.reading) begin(holding)
  })

  return {
    start: async (servers) => {
      const stored = await loadPayloads(core)
      for (const server of servers) {
        const holding = holdings.get(server.id) ?? hold(server)
        const payload = stored.get(server.id)
        if (payload && !holding.payload) put(holding, payload)
      }
      // Those that follow() has seen already are being read.
      for (const holding of holdings.values()) if (!holding.reading) begin(holding)
    },
    follow: (servers) => {
      const present = new Set(servers.map(({ id }) => id))
      for (const holding of [...holdings.values()]) {
        if (present.has(holding.server.id)) continue
        letGo(holding)
        pool
          .drop(holding.server.id)
          .catch((error: unknown) => log.debug({ err: error }, 'dropping'))
      }
      for (const server of servers) {
        const holding = holdings.get(server.id)
        if (holding?.server.revision === server.revision) continue
        if (holding) letGo(holding)
        const fresh = hold(server)
        // The same program or address under another rule still offers the same.
        if (holding?.payload && sameSpec(holding.server, server)) put(fresh, holding.payload)
        begin(fresh)
      }
    },
    reload: async (serverId) => {
      const holding = holdings.get(serverId)
      const payload = (await loadPayloads(core, serverId)).get(serverId)
      if (!holding || !payload) return
      if (payload.fetchedAt > (holding.payload?.fetchedAt ?? 0))
        tell(holding.server, put(holding, payload))
    },
    get: (serverId) => holdings.get(serverId)?.catalog ?? null,
    problem: (serverId) => holdings.get(serverId)?.problem ?? null,
    refresh: async (serverId) => read(known(serverId)),
    settled: async () => {
      await Promise.allSettled([...holdings.values()].map((holding) => holding.reading))
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: () => {
      offNews()
      offOpen()
      for (const holding of holdings.values()) holding.timer?.cancel()
      closing.abort(new AppError('overloaded', 'The gateway is shutting down.'))
    },
  }
}

const sameSpec = (a: Server, b: Server) => canonicalJson(a.spec) === canonicalJson(b.spec)

/** A list that cannot be read now is offered as it was. */
function keepLastGood(old: CatalogPayload | null, read: CatalogPayload): CatalogPayload {
  if (!old || read.failed.length === 0) return read
  return { ...read, ...Object.fromEntries(read.failed.map((name) => [name, old[name]])) }
}

function changedLists(old: CatalogPayload | null, now: CatalogPayload): ChangedList[] {
  const differs = (name: ListName) =>
    canonicalJson(old?.[name] ?? null) !== canonicalJson(now[name])
  const changed = new Set<ChangedList>()
  for (const name of LISTS)
    if (differs(name)) changed.add(name === 'templates' ? 'resources' : name)
  if (canonicalJson(old?.hello ?? null) !== canonicalJson(now.hello)) changed.add('tools')
  return [...changed]
}

/** The opening goes on for others; this reader leaves. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) return leave()
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
