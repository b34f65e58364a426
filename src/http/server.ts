// The HTTP server: limits and host check first, then the endpoints on the bare request, everything else through Hono.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { AppError, isAppError } from '../kernel/app-error.ts'
import type { NewId } from '../kernel/ids.ts'
import { lastAnswer } from '../kernel/last-answer.ts'
import { problemOf } from '../kernel/problem.ts'
import { type Clock, seconds } from '../kernel/time.ts'
import type { Origin } from '../logs/event.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { ClientAddress } from './client-address.ts'
import { type Connection, type ConnectionLimits, createConnections } from './connections.ts'
import { HEALTH_PATHS } from './health.ts'
import type { Hosts } from './hosts.ts'
import { checkHead } from './request-head.ts'

export interface HttpDeps {
  clock: Clock
  newId: NewId
  log: Logger
  hosts: Hosts
  address: ClientAddress
  /** Answers the endpoints; false when the path is none of them. */
  endpoint(req: IncomingMessage, res: ServerResponse, pathname: string, origin: Origin): boolean
  app: Hono<HonoEnv>
  limits: ConnectionLimits & {
    /** How long a client may take to send a request; for its headers a quarter, to read anything of an answer a half. */
    clientTimeoutMs: number
  }
}

/** What Hono handlers find in the context. */
export type HonoEnv = {
  Bindings: { incoming: IncomingMessage; outgoing: ServerResponse }
  Variables: { origin: Origin }
}

export interface HttpServer {
  listen(host: string, port: number): Promise<{ host: string; port: number }>
  /** Stops accepting, lets running requests end until the deadline, then cuts. */
  close(graceMs: number): Promise<void>
}

const MAX_HEADER_BYTES = 32 * 1024

const origins = new WeakMap<IncomingMessage, Origin>()

/** The origin of a request that came through this server. */
export const originOf = (req: IncomingMessage): Origin =>
  origins.get(req) ?? { contextId: 'req_unknown' }

export function createHttpServer(deps: HttpDeps): HttpServer {
  const { clientTimeoutMs } = deps.limits
  const hono = getRequestListener(deps.app.fetch, { overrideGlobalObjects: false })

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: clientTimeoutMs / 4,
      requestTimeout: clientTimeoutMs,
      // Node looks every 30 seconds unless told: every timeout would be as much late.
      connectionsCheckingInterval: clientTimeoutMs / 16,
      keepAliveTimeout: seconds(75),
      // A peer that is gone without a word is noticed by the kernel, also while nothing is sent.
      keepAlive: true,
      keepAliveInitialDelay: seconds(60),
    },
    (req, res) => serve(req, res, false),
  )
  // The total is bounded above. A bound on the number would drop the rest without a word, Origin or Host among them.
  server.maxHeadersCount = 0
  server.on('checkContinue', (req, res) => serve(req, res, true))
  const connections = createConnections({
    clock: deps.clock,
    log: deps.log,
    newId: deps.newId,
    limits: deps.limits,
    isProxy: deps.address.isProxy,
    closeIdle: () => server.closeIdleConnections(),
    stalledMs: clientTimeoutMs / 2,
  })
  server.on('connection', connections.opened)

  function serve(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const connection = connections.used(req.socket)
    const { last } = connection
    // Sent after a request whose answer ends the connection: it would run, and nobody could be told.
    if (last?.shouldKeepAlive === false) return
    connection.last = res
    // While it ends: what comes on a connection that is still open is answered, as the last on it.
    if (!server.listening) res.shouldKeepAlive = false
    const origin = originFor(req, connection.id)
    origins.set(req, origin)
    try {
      checkHead(req, deps.hosts)
      admit(req, res, connection, origin)
      if (expectsContinue) res.writeContinue()
      const pathname = pathOf(req.url ?? '/')
      if (!deps.endpoint(req, res, pathname, origin)) void hono(req, res)
    } catch (error) {
      refuse(req, res, error)
    }
  }

  /** @throws AppError overloaded | rate_limited; never for a question after our health */
  function admit(
    req: IncomingMessage,
    res: ServerResponse,
    { refusal, viaProxy }: Connection,
    { ip }: Origin,
  ): void {
    if (refusal) {
      res.shouldKeepAlive = false
      if (!HEALTH_PATHS.has(pathOf(req.url ?? '/'))) throw refusal
    } else if (viaProxy) res.once('close', connections.requestOf(ip))
  }

  function originFor(req: IncomingMessage, connectionId: string): Origin {
    const ip = deps.address(req)
    const userAgent = req.headers['user-agent']?.slice(0, 300)
    return {
      contextId: deps.newId('req'),
      connectionId,
      ...(ip === undefined ? {} : { ip }),
      ...(userAgent === undefined ? {} : { userAgent }),
    }
  }

  function refuse(req: IncomingMessage, res: ServerResponse, error: unknown) {
    const known = isAppError(error)
      ? error
      : new AppError(
          'internal',
          'The gateway failed in an unexpected way. Its log has the details.',
        )
    if (known.code === 'internal') deps.log.error({ err: error }, 'a request failed at the door')
    const headers: Record<string, string> = {
      'content-type': 'application/problem+json',
      connection: 'close',
    }
    const after = known.data?.retryAfter
    if (typeof after === 'number') headers['retry-after'] = String(after)
    res.shouldKeepAlive = false
    // Not before the parser is through with what has arrived: it may find that this is no HTTP, and answers that itself.
    setImmediate(() => {
      if (!res.destroyed && !res.headersSent)
        lastAnswer(req, res, known.status, headers, JSON.stringify(problemOf(known)))
    })
  }

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', (cause: NodeJS.ErrnoException) =>
          reject(cannotListen(cause, host, port)),
        )
        server.listen(port, host, () => {
          const address = server.address() as AddressInfo
          resolve({ host, port: address.port })
        })
      }),
    close: (graceMs) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs)
        // One whose answer was begun before is idle once that has ended.
        const idle = setInterval(() => server.closeIdleConnections(), 100)
        server.close(() => {
          clearTimeout(cut)
          clearInterval(idle)
          resolve()
        })
        server.closeIdleConnections()
        connections.close()
      }),
  }
}

function cannotListen(cause: NodeJS.ErrnoException, host: string, port: number): AppError {
  if (cause.code === 'EADDRINUSE') {
    return new AppError('port_in_use', `Another program already listens on ${host}:${port}.`, {
      remedy: `Stop it, or choose another port: mooring serve --port ${port + 1}`,
      cause,
    })
  }
  if (cause.code === 'EACCES') {
    return new AppError('config_invalid', `This account may not listen on port ${port}.`, {
      remedy: 'Choose a port above 1023, or put a proxy in front.',
      cause,
    })
  }
  return new AppError('config_invalid', `Cannot listen on ${host}:${port}: ${cause.message}.`, {
    remedy: 'Give an address of this machine with --host.',
    cause,
  })
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
