// One POST of the parsed path and everything that comes back on it: the answer as JSON or on a stream,
// notifications, and questions (Streamable HTTP > Sending Messages).
import { AppError } from '../../kernel/app-error.ts'
import type { Clock } from '../../kernel/time.ts'
import { pause } from '../deadline.ts'
import type { ForwardReply, RpcNotification, RpcQuestion, RpcReply } from '../link.ts'
import { parseMessages } from '../parse-messages.ts'
import type { Incoming } from '../rpc.ts'
import { type SseEvent, sseEvents } from '../sse-events.ts'
import { badStatus, contentType, quote, readText, type WebTarget, webError } from '../web.ts'

export const REPLY_LIMIT = 32 * 1024 * 1024
const DRAIN_MS = 1000
const SHORTEST_RETRY_MS = 10

export interface Listeners {
  notification(notification: RpcNotification): void
  question(id: string | number, question: RpcQuestion): void
}

export interface Exchange {
  clock: Clock
  target: WebTarget
  id: number
  signal: AbortSignal
  deadline: number
  onBytes: ((bytes: number) => void) | undefined
  listeners: Listeners
  /** Session era: asks for the rest of a stream that ended before the answer. */
  resume?: (lastEventId: string) => Promise<ForwardReply>
}

/** @throws AppError server_garbage, server_closed, server_refused, server_unreachable */
export async function readAnswer(exchange: Exchange, response: ForwardReply): Promise<RpcReply> {
  const type = contentType(response.headers)
  const good = response.status >= 200 && response.status < 300
  if (good && type === 'text/event-stream') return readStream(exchange, response)
  const text = await readBody(exchange, response)
  const { target } = exchange
  if (response.status === 401 || response.status === 403) throw badStatus(target, response, text)
  const reply = type.endsWith('json') ? replyIn(exchange, text, good) : null
  if (reply) return reply
  if (!good) throw badStatus(target, response, text)
  const what = text === '' ? 'nothing' : quote(target, type, 60) || 'no content type'
  throw new AppError(
    'server_garbage',
    `${target.name} answered HTTP ${response.status} with ${what}`,
    {
      said: `${text === '' ? '' : `: ${quote(target, text)}`}, not MCP.`,
      remedy: `Check that ${target.url.origin}${target.url.pathname} is the address of an MCP server.`,
    },
  )
}

async function readBody(exchange: Exchange, response: ForwardReply): Promise<string> {
  try {
    const { onBytes } = exchange
    // The whole at once, where its size is told: many that each have a part of their room would all be refused.
    const declared = Number(response.headers['content-length'] ?? 0)
    if (declared > 0 && declared <= REPLY_LIMIT) onBytes?.(declared)
    const { name } = exchange.target
    return await readText(name, response.body, REPLY_LIMIT, declared > 0 ? undefined : onBytes)
  } catch (error) {
    discard(exchange.clock, response)
    throw webError(exchange.target, exchange.signal, exchange.deadline, error)
  }
}

/** The answer in a JSON body; null when it holds none. A refused request may carry an error without an id. */
function replyIn(exchange: Exchange, text: string, good: boolean): RpcReply | null {
  for (const message of messagesIn(text)) {
    const reply = take(exchange, message)
    if (reply) return reply
    if (!good && message.kind === 'reply' && message.reply.error && message.id == null)
      return message.reply
  }
  return null
}

const messagesIn = (text: string): Incoming[] =>
  parseMessages(text).filter((message) => message !== null)

/** Hands a message on; returns the answer when it is the one waited for. */
function take({ id, listeners, target }: Exchange, message: Incoming): RpcReply | null {
  switch (message.kind) {
    case 'notification':
      listeners.notification(message.notification)
      return null
    case 'question':
      listeners.question(message.id, message.question)
      return null
    case 'broken':
      if (message.id !== id) return null
      throw new AppError('server_garbage', `${target.name} answered ${message.why}.`, {
        remedy: 'Report it to the makers of the server.',
      })
    case 'reply':
      return message.id === id ? message.reply : null
  }
}

async function readStream(exchange: Exchange, first: ForwardReply): Promise<RpcReply> {
  const { clock, signal, target } = exchange
  const state = { lastId: undefined as string | undefined, retry: 1000 }
  let response = first
  for (;;) {
    const reply = await readUntilAnswer(exchange, response, state)
    if (reply) return reply
    if (!exchange.resume || state.lastId === undefined) throw cut(target)
    await pause(clock, state.retry, signal)
    response = await exchange.resume(state.lastId)
    if (response.status !== 200 || contentType(response.headers) !== 'text/event-stream') {
      discard(clock, response)
      throw cut(target)
    }
  }
}

/** Null when the stream ended, or broke, before the answer. */
async function readUntilAnswer(
  exchange: Exchange,
  response: ForwardReply,
  state: { lastId: string | undefined; retry: number },
): Promise<RpcReply | null> {
  const events = sseEvents(response.body)[Symbol.asyncIterator]()
  for (;;) {
    let next: IteratorResult<SseEvent>
    try {
      next = await events.next()
    } catch (error) {
      const known = webError(exchange.target, exchange.signal, exchange.deadline, error)
      const resumable = known instanceof AppError && known.code === 'server_closed'
      if (exchange.signal.aborted || !resumable) throw known
      return null
    }
    if (next.done) return null
    const { id, retry, data } = next.value
    if (id !== undefined) state.lastId = id
    if (retry !== undefined) state.retry = Math.min(Math.max(retry, SHORTEST_RETRY_MS), 60_000)
    if (data === '') continue
    exchange.onBytes?.(data.length)
    for (const message of messagesIn(data)) {
      const reply = take(exchange, message)
      if (!reply) continue
      finish(exchange.clock, response, events)
      return reply
    }
  }
}

const cut = ({ name }: WebTarget) =>
  new AppError('server_closed', `${name} ended the stream before the answer.`, {
    remedy: 'It may have done the work. Look at its own log before trying again.',
  })

/** Lets a stream end by itself after the answer, so that its connection can be used again; not for long. */
function finish(clock: Clock, { body }: ForwardReply, events: AsyncIterator<SseEvent>): void {
  const timer = clock.after(DRAIN_MS, () => body.destroy())
  const read = (): Promise<void> => events.next().then((next) => (next.done ? undefined : read()))
  read()
    .catch(() => body.destroy()) // The answer is here already; how the stream ends changes nothing.
    .finally(() => timer.cancel())
}

/** Reads a body that nobody wants to its end; not for long. */
export function discard(clock: Clock, { body }: ForwardReply): void {
  body.on('error', () => undefined)
  if (body.readableEnded || body.destroyed) return
  const timer = clock.after(DRAIN_MS, () => body.destroy())
  body.once('close', () => timer.cancel())
  body.resume()
}
