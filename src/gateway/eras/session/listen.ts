// The standalone GET stream (2025-11-25 Streamable HTTP, Listening): what the servers say outside any call.
// Resuming a stream of a session-era HTTP server on /s/NAME/mcp is passed on to it: the events are its own.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Principal } from '../../../grants/principal.ts'
import { AppError } from '../../../kernel/app-error.ts'
import { discard } from '../../../servers/http/exchange.ts'
import type { Link } from '../../../servers/link.ts'
import type { Server } from '../../../servers/server.ts'
import type { Endpoint } from '../../endpoint-path.ts'
import type { GatewayDeps } from '../../gateway.ts'
import { affinityOf } from '../../link-for.ts'
import { decideOn, serversOf } from '../../resolve.ts'
import type { Session } from '../../sessions.ts'
import { openSse, SSE_HEADERS } from '../../sse.ts'

export async function listen(
  deps: GatewayDeps,
  req: IncomingMessage,
  res: ServerResponse,
  { principal, endpoint, session }: { principal: Principal; endpoint: Endpoint; session: Session },
): Promise<void> {
  if (!/text\/event-stream|\*\/\*/.test(req.headers.accept ?? '')) {
    throw new AppError(
      'bad_request',
      'A GET on this endpoint opens an event stream, which the Accept header does not allow.',
      {
        remedy: 'Send Accept: text/event-stream.',
      },
    )
  }
  const owner = { principalId: principal.id, userId: principal.user.id }
  const passed = await passedThrough(deps, req, res, { principal, endpoint, session })
  if (passed) return
  // Nobody would ever say that it is closed.
  if (res.closed) return
  // The one that it replaces makes room.
  if (!session.stream) deps.streams.checkRoom(owner)
  session.stream?.end()
  const stream = openSse(res, deps.heartbeats)
  session.stream = stream
  const send = (method: string, params?: object) =>
    stream.send(JSON.stringify({ jsonrpc: '2.0', method, ...(params ? { params } : {}) }))
  const offNotifications = deps.notifications.add({
    principal,
    endpoint,
    listChanged: (kind) => send(`notifications/${kind}/list_changed`),
    resourceUpdated: (uri, params) => {
      if (session.subscriptions.has(uri)) send('notifications/resources/updated', params)
    },
  })
  const offStreams = deps.streams.add(owner, stream.end)
  res.on('close', () => {
    offNotifications()
    offStreams()
    if (session.stream === stream) session.stream = null
  })
}

async function passedThrough(
  deps: GatewayDeps,
  req: IncomingMessage,
  res: ServerResponse,
  { principal, endpoint, session }: { principal: Principal; endpoint: Endpoint; session: Session },
): Promise<boolean> {
  const lastEventId = req.headers['last-event-id']
  if (endpoint.kind !== 'server' || typeof lastEventId !== 'string') return false
  const server = serversOf(deps.views, endpoint)[0] as Server
  if (server.spec.kind !== 'http' || deps.views.catalog(server)?.era !== 'session') return false
  if (decideOn(principal, server, null).effect === 'forbid') return false
  const owner = { principalId: principal.id, userId: principal.user.id }
  deps.streams.checkRoom(owner)
  // From the start: a revoke has to reach it also while the server takes its time.
  const gone = new AbortController()
  const off = deps.streams.add(owner, () => res.destroy())
  res.on('close', () => {
    off()
    gone.abort()
  })
  const link: Link = await deps.pool.link(
    server,
    affinityOf(server, 'session', session, principal.user.id),
  )
  if (res.closed) return true
  const reply = await link
    .forward?.({
      method: 'GET',
      headers: { accept: 'text/event-stream', 'last-event-id': lastEventId },
      signal: gone.signal,
      deadline: deps.limits.callTimeoutMs,
    })
    .catch((error: unknown) => {
      if (!gone.signal.aborted) throw error
    })
  if (gone.signal.aborted) {
    if (reply) discard(deps.core.clock, reply)
    return true
  }
  if (reply?.status !== 200) {
    if (reply) discard(deps.core.clock, reply)
    off()
    return false
  }
  res.writeHead(200, SSE_HEADERS)
  res.flushHeaders()
  reply.body.on('error', () => res.destroy())
  reply.body.pipe(res)
  return true
}
