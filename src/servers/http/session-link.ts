// A link to a session-era server over Streamable HTTP: one MCP session, its own stream of news, DELETE at the end
// (MCP 2025-11-25, Transports > Session Management).
import { Readable } from 'node:stream'
import { AppError } from '../../kernel/app-error.ts'
import type { JsonObject } from '../../kernel/mcp.ts'
import { initializeParams, readInitialized } from '../envelope.ts'
import type {
  ForwardReply,
  Link,
  LinkCall,
  LinkFor,
  RpcNotification,
  RpcQuestion,
  RpcReply,
} from '../link.ts'
import { LISTS_MAY_DIFFER } from '../news.ts'
import { answerMessage, answerTo, notificationMessage } from '../rpc.ts'
import { contentType, readText, webError } from '../web.ts'
import { type Course, callOver, post } from './call.ts'
import { REPLY_LIMIT } from './exchange.ts'
import type { Port } from './port.ts'
import { keepOpen } from './standing-stream.ts'

export interface Reopening {
  /** Another link for the same use, after this one was lost. */
  reopen?: (() => Promise<Link>) | undefined
}

const CLOSE_MS = 2000

export async function openSession(
  port: Port,
  linkFor: LinkFor,
  signal: AbortSignal,
  deadline: number,
  { reopen }: Reopening,
): Promise<Link> {
  const { target } = port
  let sessionId: string | undefined
  const opening: Course = {
    headers: () => ({}),
    check: (response) => {
      const id = response.headers['mcp-session-id']
      if (typeof id === 'string' && response.status < 300) sessionId = id
      return response
    },
    resumable: false,
  }
  const hello = readInitialized(
    await callOver(
      port,
      opening,
      0,
      { method: 'initialize', params: {}, signal, deadline },
      initializeParams(linkFor),
    ),
    target.name,
  )
  const own: Record<string, string> = { 'mcp-protocol-version': hello.protocolVersion }
  if (sessionId !== undefined) {
    own['mcp-session-id'] = sessionId
    port.hide(sessionId)
  }
  await post(port, own, notificationMessage({ method: 'notifications/initialized' }))

  let nextId = 1
  let closed: Error | null = null
  let onNotification: ((notification: RpcNotification) => void) | undefined
  let onQuestion: ((question: RpcQuestion) => Promise<RpcReply>) | undefined
  let listening = false
  /** Some servers answer 404 where they have no stream; it means something from one that had. */
  let hadStream = false
  const ended = new AbortController()

  const end = (why: Error) => {
    closed ??= why
    ended.abort(why)
  }
  const lost = (): SessionLost => {
    const error = new SessionLost(target.name)
    end(error)
    return error
  }
  const course: Course = {
    headers: () => own,
    resumable: true,
    check: async (response) => {
      if (sessionId === undefined) return response
      if (response.status === 404) {
        response.body.on('error', () => undefined).destroy()
        throw lost()
      }
      if (response.status !== 400) return response
      const refusal = await readRefusal(response)
      if (refusal.sessionLost) throw lost()
      return refusal
    },
    cancelled: (id) => {
      const message: RpcNotification = {
        method: 'notifications/cancelled',
        params: { requestId: id, reason: 'The caller gave up.' },
      }
      post(port, own, notificationMessage(message)).catch((error: unknown) =>
        port.log.debug({ server: target.name, err: error }, 'cancel was not taken'),
      )
    },
    question: (question) => (onQuestion ? onQuestion(question) : answerTo(question, undefined)),
  }

  /** The server's own stream; one that offers none (405) is as good. */
  const listen = () => {
    if (listening || closed) return
    listening = true
    void keepOpen({
      clock: port.clock,
      signal: ended.signal,
      interrupted: (error) =>
        port.log.debug({ server: target.name, err: error }, 'stream of news lost'),
      reopened: () => onNotification?.(LISTS_MAY_DIFFER),
      open: async (lastEventId) => {
        const response = await port.get(own, ended.signal, deadline, lastEventId)
        if (response.status === 200) hadStream = true
        // It was restarted: the next reading of its lists opens another session.
        else if (hadStream && (response.status === 404 || response.status === 400)) {
          lost()
          onNotification?.(LISTS_MAY_DIFFER)
        }
        return response
      },
      take: (message) => {
        if (message.kind === 'notification') onNotification?.(message.notification)
        if (message.kind === 'question') {
          answerTo(message.question, onQuestion)
            .then((reply) => post(port, own, answerMessage(message.id, reply)))
            .catch((error: unknown) =>
              port.log.debug({ server: target.name, err: error }, 'answer was not taken'),
            )
        }
        return true
      },
    })
  }

  const request = async (call: LinkCall): Promise<RpcReply> => {
    if (closed) throw closed
    try {
      return await callOver(port, course, nextId++, call, call.params)
    } catch (error) {
      if (!(error instanceof SessionLost)) throw error
      // The server refused the session, so it did not run the call: once more, in a new one.
      if (!reopen || RETRIED in call) throw error
      const again: LinkCall & { [RETRIED]: true } = { ...call, [RETRIED]: true }
      return (await reopen()).request(again)
    }
  }

  return {
    hello,
    get closed() {
      return closed
    },
    request,
    notify: async (notification) => {
      if (closed) throw closed
      const response = await post(port, own, notificationMessage(notification))
      if (response.status === 404 && sessionId !== undefined) throw lost()
    },
    onNotification: (listener) => {
      onNotification = listener
      listen()
    },
    onQuestion: (listener) => {
      onQuestion = listener
      listen()
    },
    forward: async (forward) => {
      if (closed) throw closed
      const reply = await port.forward(forward, own)
      if (sessionId === undefined || (reply.status !== 404 && reply.status !== 400)) return reply
      const refusal =
        reply.status === 404
          ? Object.assign(reply, { sessionLost: true as const })
          : await readRefusal(reply).catch((error: unknown) => {
              throw webError(target, forward.signal, forward.deadline, error)
            })
      if (refusal.sessionLost) lost()
      return refusal
    },
    close: async () => {
      if (closed) return
      end(new AppError('server_closed', `The session with ${target.name} was closed.`))
      if (sessionId === undefined) return
      await port
        .forward(
          {
            method: 'DELETE',
            headers: {},
            signal: AbortSignal.timeout(CLOSE_MS),
            deadline: CLOSE_MS,
          },
          own,
        )
        .then(({ body }) => body.on('error', () => undefined).resume())
        .catch((error: unknown) =>
          port.log.debug({ server: target.name, err: error }, 'the session was not deleted'),
        )
    },
  }
}

/** Marks a call that is already sent once more. */
const RETRIED = Symbol('retried')

/** The server no longer knows the session, so it has not run the request that told us. */
class SessionLost extends AppError {
  constructor(server: string) {
    super('server_closed', `${server} has ended its session with the gateway.`, {
      remedy: 'Try again: a new session is opened.',
    })
  }
}

/** Some servers say 400 where the specification wants 404 for a session that they no longer know. */
async function readRefusal(response: ForwardReply): Promise<ForwardReply> {
  if (!contentType(response.headers).endsWith('json')) return response
  const text = await readText('The server', response.body, REPLY_LIMIT)
  const again = { ...response, body: Readable.from([Buffer.from(text)]) }
  return /session/i.test(messageIn(text)) ? { ...again, sessionLost: true } : again
}

function messageIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: JsonObject }
    return error?.code === -32000 || error?.code === -32001 ? String(error.message) : ''
  } catch {
    return '' // Not JSON: whoever reads the answer reports it.
  }
}
