// The HTTP server: limits and host check first, then the endpoints on the bare request, everything else through Hono.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { AppError, isAppError, messageOf } from '../kernel/app-error.ts'
import type { NewId } from '../kernel/ids.ts'
import { problemOf } from '../kernel/problem.ts'
import { seconds } from '../kernel/time.ts'
import type { Origin } from '../logs/event.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { ClientAddress } from './client-address.ts'
import type { Hosts } from './hosts.ts'

export interface HttpDeps {
  newId: NewId
  log: Logger
  hosts: Hosts
  address: ClientAddress
  /** Answers the endpoints; false when the path is none of them. */
  endpoint(req: IncomingMessage, res: ServerResponse, pathname: string, origin: Origin): boolean
  app: Hono<HonoEnv>
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
  const connections = new WeakMap<Socket, string>()
  /** Opened and not used yet: Node does not count them as idle when it closes. */
  const unused = new Set<Socket>()
  const hono = getRequestListener(deps.app.fetch, { overrideGlobalObjects: false })

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: seconds(15),
      requestTimeout: seconds(60),
      keepAliveTimeout: seconds(75),
    },
    (req, res) => {
      const origin = originFor(req)
      origins.set(req, origin)
      try {
        deps.hosts.check(req.headers.host)
        const pathname = pathOf(req.url ?? '/')
        if (!deps.endpoint(req, res, pathname, origin)) void hono(req, res)
      } catch (error) {
        refuse(res, error)
      }
    },
  )

  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })

  function originFor(req: IncomingMessage): Origin {
    unused.delete(req.socket)
    let connectionId = connections.get(req.socket)
    if (connectionId === undefined) {
      connectionId = deps.newId('con')
      connections.set(req.socket, connectionId)
    }
    const ip = deps.address(req)
    const userAgent = req.headers['user-agent']?.slice(0, 300)
    return {
      contextId: deps.newId('req'),
      connectionId,
      ...(ip === undefined ? {} : { ip }),
      ...(userAgent === undefined ? {} : { userAgent }),
    }
  }

  function refuse(res: ServerResponse, error: unknown) {
    const known = isAppError(error)
      ? error
      : new AppError(
          'internal',
          'The gateway failed in an unexpected way. Its log has the details.',
        )
    if (known.code === 'internal')
      deps.log.error({ error: messageOf(error) }, 'a request failed at the door')
    res
      .writeHead(known.status, { 'content-type': 'application/problem+json', connection: 'close' })
      .end(JSON.stringify(problemOf(known)))
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
        server.close(() => {
          clearTimeout(cut)
          resolve()
        })
        server.closeIdleConnections()
        for (const socket of unused) socket.destroy()
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
