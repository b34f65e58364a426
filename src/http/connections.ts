// Who holds connections: caps in total and for each client, and what goes first when they are reached. Connections that
// never asked anything go before idle ones, and those before a newcomer is turned away; health is answered even then.
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { AppError } from '../kernel/app-error.ts'
import type { NewId } from '../kernel/ids.ts'
import { networkOf } from '../kernel/network.ts'
import { type Clock, seconds } from '../kernel/time.ts'
import type { Logger } from '../telemetry/logger.ts'

export interface ConnectionLimits {
  total: number
  /** For one address, or one IPv6 /64; behind a trusted proxy it counts requests at once instead. */
  perClient: number
}

/** What is known of one open connection. */
export interface Connection {
  id: string
  /** Answer to the newest request on it. */
  last: ServerResponse | null
  /** Why its requests are refused: it is over a cap. */
  refusal: AppError | null
  viaProxy: boolean
}

export interface Connections {
  opened(socket: Socket): void
  /** A request came: from now on the connection is not the first to go. */
  used(socket: Socket): Connection
  /** One more request of a client behind a proxy; the function says that it ended. @throws AppError rate_limited */
  requestOf(ip: string | undefined): () => void
  /** Cuts what Node does not count as idle: connections that never had a request. */
  close(): void
}

export interface ConnectionsDeps {
  clock: Clock
  log: Logger
  newId: NewId
  limits: ConnectionLimits
  isProxy(address: string | undefined): boolean
  /** Closes what waits between two requests. */
  closeIdle(): void
  /** A client that takes nothing of its answer for this long is cut. */
  stalledMs: number
}

interface Held extends Connection {
  used: boolean
  client: Client | null
}

interface Client {
  network: string
  open: number
  /** Its connections that had a request; those that wait for another one give way to a newcomer. */
  inUse: Set<Socket>
  idleClosedAt: number
  unused: Set<Socket>
  requests: number
}

/** So many at once are told why they are turned away; the oldest of them goes when one more comes. */
const MOST_TOLD = 32
const TOLD_MS = seconds(2)
const LOG_EVERY_MS = seconds(10)
const CLOSE_IDLE_EVERY_MS = seconds(1)

export function createConnections(deps: ConnectionsDeps): Connections {
  const { clock, limits } = deps
  const open = new Map<Socket, Held>()
  const clients = new Map<string, Client>()
  /** Opened and not used yet, the oldest first. */
  const unused = new Set<Socket>()
  const told = new Set<Socket>()
  const tally = createTally(deps)
  let idleClosedAt = -CLOSE_IDLE_EVERY_MS

  const clientOf = (network: string): Client => {
    let client = clients.get(network)
    if (!client) {
      client = {
        network,
        open: 0,
        inUse: new Set(),
        idleClosedAt: -CLOSE_IDLE_EVERY_MS,
        unused: new Set(),
        requests: 0,
      }
      clients.set(network, client)
    }
    return client
  }
  const tidy = (client: Client) => {
    if (client.open === 0 && client.requests === 0) clients.delete(client.network)
  }

  function forget(socket: Socket) {
    const held = open.get(socket)
    if (!held) return
    open.delete(socket)
    unused.delete(socket)
    told.delete(socket)
    const { client } = held
    if (!client) return
    client.unused.delete(socket)
    client.inUse.delete(socket)
    client.open--
    tidy(client)
  }
  /** Counted off at once: `close` comes a turn later, and newcomers before it. */
  const cut = (socket: Socket) => {
    forget(socket)
    socket.destroy()
  }

  function makeRoom(among: Set<Socket>): boolean {
    const [oldest] = among
    if (oldest) {
      tally.count('cut before a request')
      cut(oldest)
      return true
    }
    const now = clock.monotonic()
    if (among !== unused || now - idleClosedAt < CLOSE_IDLE_EVERY_MS) return false
    idleClosedAt = now
    deps.closeIdle()
    for (const socket of open.keys()) if (socket.destroyed) forget(socket)
    return open.size - told.size < limits.total
  }

  /** All that wait between two requests: a pause of a second keeps a crowd of newcomers from costing a look each. */
  function closeIdleOf(client: Client): boolean {
    const now = clock.monotonic()
    if (now - client.idleClosedAt < CLOSE_IDLE_EVERY_MS) return false
    client.idleClosedAt = now
    for (const socket of [...client.inUse])
      if (open.get(socket)?.last?.writableFinished) cut(socket)
    return client.open < limits.perClient
  }

  /** Null: there is room. */
  function refusalFor(client: Client | null): AppError | null {
    if (
      client &&
      client.open >= limits.perClient &&
      !makeRoom(client.unused) &&
      !closeIdleOf(client)
    )
      return tooManyOf(limits.perClient)
    if (open.size - told.size >= limits.total && !makeRoom(unused)) return full()
    return null
  }

  function tell(socket: Socket) {
    const [oldest] = told
    if (oldest && told.size >= MOST_TOLD) cut(oldest)
    told.add(socket)
    socket.setTimeout(TOLD_MS)
  }

  const stopWatching = watchReaders(clock, deps.stalledMs, () => open.keys())

  return {
    opened(socket) {
      const viaProxy = deps.isProxy(socket.remoteAddress)
      const client = viaProxy ? null : clientOf(networkOf(socket.remoteAddress))
      const refusal = refusalFor(client)
      open.set(socket, {
        id: '',
        last: null,
        refusal,
        viaProxy,
        used: false,
        client: refusal ? null : client,
      })
      socket.once('close', () => forget(socket))
      if (refusal) {
        tally.count(refusal.code === 'overloaded' ? 'over the total' : 'over the cap of a client')
        if (client) tidy(client)
        tell(socket)
        return
      }
      unused.add(socket)
      if (!client) return
      // Making room may have closed its last connection, and forgotten it.
      clients.set(client.network, client)
      client.open++
      client.unused.add(socket)
    },
    used(socket) {
      const held = open.get(socket)
      // Cut a moment ago, with a request already read.
      if (!held) return { id: deps.newId('con'), last: null, refusal: full(), viaProxy: false }
      if (!held.used) {
        held.used = true
        held.id = deps.newId('con')
        unused.delete(socket)
        held.client?.unused.delete(socket)
        held.client?.inUse.add(socket)
      }
      return held
    },
    requestOf(ip) {
      const client = clientOf(networkOf(ip))
      if (client.requests >= limits.perClient) {
        tally.count('over the cap of a client')
        throw tooManyOf(limits.perClient)
      }
      client.requests++
      return () => {
        client.requests--
        tidy(client)
      }
    },
    close: () => {
      stopWatching()
      unused.forEach(cut)
    },
  }
}

const full = () =>
  new AppError('overloaded', 'The gateway has as many connections as it can hold.', {
    remedy:
      'Try again in a moment. limits.connections and the open files of its account set how many.',
    data: { retryAfter: 1 },
  })

const tooManyOf = (cap: number) =>
  new AppError('rate_limited', `More than ${cap} connections come from this address.`, {
    remedy:
      'Close some. Many people behind one address need a higher limits.connections-per-client; a proxy belongs into trusted-proxies.',
    data: { retryAfter: 1 },
  })

/** Says how many were turned away, and why: at once, then not more often than every ten seconds. */
function createTally({ clock, log }: Pick<ConnectionsDeps, 'clock' | 'log'>) {
  let counts: Record<string, number> = {}
  let quiet = false
  const say = () => {
    if (Object.keys(counts).length === 0) {
      quiet = false
      return
    }
    log.warn({ connections: counts }, 'connections were turned away')
    counts = {}
    quiet = true
    clock.after(LOG_EVERY_MS, say)
  }
  return {
    count(why: string) {
      counts[why] = (counts[why] ?? 0) + 1
      if (!quiet) say()
    },
  }
}

/**
 * Cuts clients that do not read. Node's own timer sees bytes leave, but counts silence as well, and a call may be silent
 * for long: so it runs only while something waits to be sent.
 */
function watchReaders(
  clock: Clock,
  stalledMs: number,
  sockets: () => Iterable<Socket>,
): () => void {
  // One more, to be told from every other timeout that Node sets.
  const own = stalledMs + 1
  const look = () => {
    for (const socket of sockets()) {
      if (socket.writableLength > 0) {
        if (socket.timeout !== own) socket.setTimeout(own)
      } else if (socket.timeout === own) socket.setTimeout(0)
    }
    timer = clock.after(stalledMs / 4, look)
  }
  let timer = clock.after(stalledMs / 4, look)
  return () => timer.cancel()
}
