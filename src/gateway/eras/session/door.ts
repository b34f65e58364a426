// The session era (2025-11-25 and before) from the door on: every message of it, by kind and method.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Principal } from '../../../grants/principal.ts'
import { AppError, isAppError } from '../../../kernel/app-error.ts'
import { SESSION_VERSIONS } from '../../../kernel/mcp.ts'
import { discard } from '../../../servers/http/exchange.ts'
import type { RpcReply } from '../../../servers/link.ts'
import { callTask } from '../../call-task.ts'
import { callTool } from '../../call-tool.ts'
import type { Endpoint } from '../../endpoint-path.ts'
import type { Call, GatewayDeps } from '../../gateway.ts'
import { affinityOf } from '../../link-for.ts'
import { LISTS } from '../../lists.ts'
import { isObject, type Message } from '../../message.ts'
import { decideOn, serversOf, TARGETED } from '../../resolve.ts'
import { methodNotFound } from '../../rpc-error.ts'
import type { Session } from '../../sessions.ts'
import { accepts, sendWhole, sessionAnswer } from './answer.ts'
import { hello } from './hello.ts'
import { setLevel, subscribe, unsubscribe } from './shared-state.ts'

export type SessionCall = Omit<Call, 'session' | 'answer' | 'era'>

export async function post(deps: GatewayDeps, incoming: SessionCall): Promise<void> {
  const { req, res, message, principal, endpoint } = incoming
  checkVersion(req)
  if (message.method === 'initialize' && message.kind === 'request') {
    const call = withAnswer(deps, incoming, null)
    return hello(deps, call)
  }
  const session = await sessionOf(deps, req, principal, endpoint)
  if (message.kind !== 'request') {
    await hear(deps, { principal, endpoint, session, message })
    res.writeHead(202).end()
    return
  }
  return request(deps, withAnswer(deps, incoming, session))

  function withAnswer(d: GatewayDeps, call: SessionCall, of: Session | null): Call {
    return {
      ...call,
      era: 'session',
      session: of,
      answer: sessionAnswer(
        res,
        d.core.clock,
        d.heartbeats,
        message.rawId ?? 'null',
        of,
        accepts(req),
      ),
    }
  }
}

export async function end(
  deps: GatewayDeps,
  req: IncomingMessage,
  res: ServerResponse,
  principal: Principal,
  endpoint: Endpoint,
): Promise<void> {
  const session = await sessionOf(deps, req, principal, endpoint)
  await deps.sessions.end(session)
  res.writeHead(204).end()
}

/** @throws AppError bad_request without the header, session_unknown for one that is not this person's */
export function sessionOf(
  deps: GatewayDeps,
  req: IncomingMessage,
  principal: Principal,
  endpoint: Endpoint,
): Session | Promise<Session> {
  const id = req.headers['mcp-session-id']
  if (typeof id !== 'string' || id === '') {
    throw new AppError('bad_request', 'The Mcp-Session-Id header is missing.', {
      remedy: 'Send initialize first, and the session id it returns with every later request.',
    })
  }
  return deps.sessions.find(id, principal, endpoint.path)
}

function checkVersion(req: IncomingMessage): void {
  const version = req.headers['mcp-protocol-version']
  if (version === undefined || (SESSION_VERSIONS as readonly string[]).includes(String(version)))
    return
  throw new AppError(
    'bad_request',
    `The protocol version "${String(version).slice(0, 40)}" is not supported.`,
    {
      remedy: `Supported: ${SESSION_VERSIONS.join(', ')}.`,
      data: { supported: SESSION_VERSIONS },
    },
  )
}

export async function request(deps: GatewayDeps, call: Call): Promise<void> {
  const { method } = call.message
  const list = LISTS[method]
  if (list) {
    const array = deps.lists.list(call.principal, call.endpoint, method)
    if (call.batched) return call.answer.result({ [list]: JSON.parse(array) })
    const json = `{"jsonrpc":"2.0","id":${call.message.rawId},"result":{"${list}":${array}}}`
    sendWhole(call.req, call.res, json)
    return
  }
  if (TARGETED[method]) {
    if (method === 'resources/subscribe') return subscribe(deps, call)
    if (method === 'resources/unsubscribe') return unsubscribe(deps, call)
    return TARGETED[method] === 'taskId' ? callTask(deps, call) : callTool(deps, call)
  }
  if (method === 'ping') return call.answer.result({})
  if (method === 'logging/setLevel') return setLevel(deps, call)
  throw methodNotFound(method)
}

interface Heard {
  principal: Principal
  endpoint: Endpoint
  session: Session
  message: Message
}

/** What wants no answer: one to a question of ours, or of the server whose stream is passed through; and notifications. */
export async function hear(deps: GatewayDeps, heard: Heard): Promise<void> {
  const { session, message } = heard
  if (message.kind === 'response') {
    const waiting = session.questions.get(message.rawId ?? '')
    if (!waiting) return passOn(deps, heard)
    session.questions.delete(message.rawId ?? '')
    return waiting(replyOf(message))
  }
  if (message.method === 'notifications/cancelled') {
    const id = message.params.requestId
    session.calls.get(JSON.stringify(id))?.abort(new Error('the client cancelled the call'))
  }
  if (PASSED_ON.has(message.method)) await passOn(deps, heard)
}

/**
 * What a client may say to a server outside a call. Nothing else passes: it would be neither decided nor on the record,
 * and there are servers that run a `tools/call` without an id.
 */
const PASSED_ON = new Set([
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
])

/** To the server's own session, where the streamed path has handed the client its ids. */
async function passOn(
  deps: GatewayDeps,
  { principal, endpoint, session, message }: Heard,
): Promise<void> {
  for (const server of serversOf(deps.views, endpoint)) {
    if (deps.views.catalog(server)?.era !== 'session' || server.spec.kind !== 'http') continue
    if (endpoint.kind === 'all' && message.kind === 'response') continue
    if (decideOn(principal, server, null).effect === 'forbid') continue
    try {
      const link = await deps.pool.link(
        server,
        affinityOf(server, 'session', session, principal.user.id),
      )
      const reply = await link.forward?.({
        method: 'POST',
        body: message.bytes,
        headers: {
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
        },
        signal: AbortSignal.timeout(deps.limits.callTimeoutMs),
        deadline: deps.limits.callTimeoutMs,
      })
      if (reply) discard(deps.core.clock, reply)
    } catch (error) {
      if (!isAppError(error)) throw error
      deps.core.log.debug(
        { server: server.name, reason: error.message },
        'a notification did not reach its server',
      )
    }
  }
}

function replyOf({ body }: Message): RpcReply {
  if (isObject(body.error)) {
    const { code, message, data } = body.error
    return {
      error: {
        code: Number(code),
        message: String(message),
        ...(data === undefined ? {} : { data }),
      },
    }
  }
  return { result: isObject(body.result) ? body.result : {} }
}
