// The door of /mcp and /s/NAME/mcp: method, origin, credential, body, era; then the era's own door.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Credentials } from '../grants/presented.ts'
import { AppError, isAppError } from '../kernel/app-error.ts'
import { lastAnswer } from '../kernel/last-answer.ts'
import type { Era } from '../kernel/mcp.ts'
import { type Room, roomIn } from '../kernel/memory.ts'
import type { Origin } from '../logs/event.ts'
import { type ChallengeContext, refuse } from './challenge.ts'
import { classifyEra } from './classify-era.ts'
import type { Endpoint } from './endpoint-path.ts'
import { postBatch } from './eras/session/batch.ts'
import * as session from './eras/session/door.ts'
import { listen } from './eras/session/listen.ts'
import * as stateless from './eras/stateless/door.ts'
import type { GatewayDeps } from './gateway.ts'
import { isBatch, type Message, parseMessage } from './message.ts'
import { readBody } from './read-body.ts'
import { hiddenFrom, TARGETED, unknownServer } from './resolve.ts'
import { RpcFailure, toRpcError } from './rpc-error.ts'
import { sseOf } from './sse.ts'
import { upToDate } from './up-to-date.ts'

export interface Incoming {
  req: IncomingMessage
  res: ServerResponse
  endpoint: Endpoint
  /** The path as typed. */
  typedPath: string
  origin: Origin
}

/** Never throws: whatever goes wrong becomes one answer. */
export async function handleEndpoint(deps: GatewayDeps, incoming: Incoming): Promise<void> {
  const { req, res, endpoint } = incoming
  const context: ChallengeContext = {
    origin: deps.publicOrigin(),
    endpoint,
    typedPath: incoming.typedPath,
  }
  let message: Message | null = null
  let era: Era | null = null
  let room: Room | null = null
  try {
    if (cors(deps, req, res)) return
    const credentials: Credentials = {
      authorization: req.headers.authorization,
      apiKey: single(req.headers['x-api-key']),
      ip: incoming.origin.ip,
    }
    const checked = await checkedAtTheDoor(deps, credentials, endpoint)
    switch (req.method) {
      case 'POST': {
        room = roomIn(deps.memory, checked.principal.user.id, 'the request')
        const bytes = await readBody(req, deps.limits.requestBytes, room)
        if (isBatch(bytes)) {
          await upToDate(deps, checked)
          deps.used(checked.principal, incoming.origin.ip)
          return await postBatch(deps, { ...checked, req, res, origin: incoming.origin }, bytes)
        }
        message = parseMessage(bytes)
        era = classifyEra(message, single(req.headers['mcp-protocol-version']))
        if (message.kind !== 'request' || !TARGETED[message.method]) await upToDate(deps, checked)
        deps.used(checked.principal, incoming.origin.ip)
        const call = { ...checked, req, res, origin: incoming.origin, message }
        return await (era === 'stateless' ? stateless.post(deps, call) : session.post(deps, call))
      }
      case 'GET':
        await upToDate(deps, checked)
        return await listen(deps, req, res, {
          principal: checked.principal,
          endpoint,
          session: await session.sessionOf(deps, req, checked.principal, endpoint),
        })
      case 'DELETE':
        await upToDate(deps, checked)
        return await session.end(deps, req, res, checked.principal, endpoint)
      default:
        res.setHeader('allow', 'GET, POST, DELETE, OPTIONS')
        throw new AppError('method_not_allowed', `${req.method} is not used on this endpoint.`, {
          remedy: 'MCP messages are POSTed.',
        })
    }
  } catch (error) {
    answerError(deps, incoming, context, message, era, error)
  } finally {
    room?.free()
  }
}

/** From memory. What memory refuses is asked of the store before the client hears it. */
async function checkedAtTheDoor(deps: GatewayDeps, credentials: Credentials, endpoint: Endpoint) {
  // Names of servers are public (their metadata documents are), and a mistyped URL must not look like a lost login.
  const known = (name: string) => {
    const server = deps.views.server(name)
    if (!server) throw unknownServer(name)
    return server
  }
  const check = async () => {
    const decidedAt = deps.views.seq
    const server = endpoint.kind === 'server' ? known(endpoint.server) : null
    const principal = await deps.authenticate(credentials, endpoint.path)
    if (server && hiddenFrom(principal, server)) throw notForThisAccount(server.name)
    return { credentials, endpoint, principal, decidedAt }
  }
  try {
    return await check()
  } catch (error) {
    const behind = deps.views.fresh()
    if (!behind) throw error
    await behind
    return check()
  }
}

const notForThisAccount = (name: string) =>
  new AppError('forbidden', `This account is not on the list of people for ${name}.`, {
    remedy: `An administrator can add it: mooring servers set ${name} --people LOGINS`,
    data: { rule: `people of ${name}` },
  })

function answerError(
  deps: GatewayDeps,
  { req, res, origin }: Incoming,
  context: ChallengeContext,
  message: Message | null,
  era: Era | null,
  error: unknown,
): void {
  const stream = sseOf(res)
  if (stream && message?.rawId && !stream.closed) {
    stream.send(
      `{"jsonrpc":"2.0","id":${message.rawId},"error":${JSON.stringify(toRpcError(error))}}`,
    )
    stream.end()
    return
  }
  if (res.headersSent) {
    deps.core.log.error(
      { err: error, contextId: origin.contextId },
      'a request failed after its answer was begun',
    )
    res.destroy()
    return
  }
  if (
    error instanceof AppError &&
    (error.status === 401 || error.code === 'insufficient_scope' || error.code === 'rate_limited')
  ) {
    const ofCredential = error.status === 401 || error.data?.reason === 'rate_limited'
    if (ofCredential) deps.refusals.note(origin, error)
    refuse(req, res, error, context, scopesOf(error))
    return
  }
  if (!(error instanceof AppError) && !(error instanceof RpcFailure)) {
    deps.core.log.error({ err: error, contextId: origin.contextId }, 'a request failed')
  }
  const rpc = isNotJson(error) ? { ...toRpcError(error), code: -32700 } : toRpcError(error)
  const body = JSON.stringify({ jsonrpc: '2.0', id: null, error: rpc })
  const withId = message?.rawId ? body.replace('"id":null', () => `"id":${message.rawId}`) : body
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  const after = error instanceof AppError ? (error.data?.retryAfter ?? AWAY[error.code]) : undefined
  if (typeof after === 'number') headers['retry-after'] = String(after)
  lastAnswer(req, res, statusOf(error, era), headers, withId)
}

const isNotJson = (error: unknown) =>
  isAppError(error, 'bad_request') && /^(syntax|utf8)$/.test(String(error.data?.problem))

/** Requests that were understood answer in-band in the session era; everything before that, and the stateless era, by status. */
function statusOf(error: unknown, era: Era | null): number {
  if (error instanceof AppError) return era && IN_BAND.test(error.code) ? 200 : error.status
  if (error instanceof RpcFailure) return era === 'session' ? 200 : error.status
  return 500
}

/** A request in order, met by a server that is not: the transport worked. */
const IN_BAND = /^(server_(start|unreachable|garbage|timeout|closed|refused)|overloaded|tool_)/

/** Another replica may have the store, and this one may have it back soon: proxies and clients are told by status. */
const AWAY: Partial<Record<AppError['code'], number>> = { storage_unavailable: 5 }

function scopesOf(error: AppError): string[] | undefined {
  const scopes = error.data?.scopes
  return Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : undefined
}

const single = (value: string | string[] | undefined) =>
  Array.isArray(value) ? value.join(', ') : value

/** Origin check and CORS (2026-07-28 Security & Endpoint). true: the request is answered. */
function cors(deps: GatewayDeps, req: IncomingMessage, res: ServerResponse): boolean {
  const { origin } = req.headers
  if (origin !== undefined) {
    if (!deps.originAllowed(origin)) {
      const error = new AppError(
        'wrong_origin',
        `Pages of ${origin.slice(0, 200)} may not use this gateway.`,
        {
          remedy: 'An administrator can add the origin to allowed-origins in the configuration.',
        },
      )
      const body = JSON.stringify({ jsonrpc: '2.0', id: null, error: toRpcError(error) })
      lastAnswer(req, res, 403, { 'content-type': 'application/json' }, body)
      return true
    }
    res.setHeader('access-control-allow-origin', origin)
    res.setHeader(
      'access-control-expose-headers',
      'mcp-session-id, mcp-protocol-version, www-authenticate',
    )
    res.setHeader('vary', 'origin')
  }
  if (req.method !== 'OPTIONS') return false
  const headers: Record<string, string> = { allow: 'GET, POST, DELETE, OPTIONS' }
  if (origin !== undefined) {
    headers['access-control-allow-methods'] = 'GET, POST, DELETE'
    headers['access-control-allow-headers'] =
      req.headers['access-control-request-headers'] ??
      'authorization, content-type, mcp-session-id, mcp-protocol-version'
    headers['access-control-max-age'] = '600'
  }
  res.writeHead(204, headers).end()
  return true
}
