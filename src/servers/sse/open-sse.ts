// Legacy HTTP+SSE servers (MCP 2024-11-05): one stream from the server, whose first event says where to post.
// When the stream ends the link is closed; the pool opens another.
import { AppError, messageOf } from '../../kernel/app-error.ts'
import type { JsonObject } from '../../kernel/mcp.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { deadlineOf } from '../deadline.ts'
import type { EraMemory } from '../era-memory.ts'
import { handshake } from '../handshake.ts'
import type { ForwardReply, Link, LinkFor } from '../link.ts'
import { LISTS_MAY_DIFFER } from '../news.ts'
import { parseMessages } from '../parse-messages.ts'
import { createPeer, type Peer, peerLink } from '../rpc-peer.ts'
import type { Server, ServerSecret } from '../server.ts'
import { type SseEvent, sseEvents } from '../sse-events.ts'
import {
  addressOf,
  badStatus,
  contentType,
  quote,
  readText,
  secretForms,
  secretsIn,
  timedOut,
  type Web,
  type WebTarget,
  webError,
} from '../web.ts'

export interface SseDeps {
  clock: Clock
  log: Logger
  web: Web
  eras: EraMemory
}

const POST_MS = 30_000
const TEXT_LIMIT = 64 * 1024

export async function openSse(
  deps: SseDeps,
  server: Server & { spec: { kind: 'sse'; url: string } },
  secret: ServerSecret,
  linkFor: LinkFor,
  opening: { signal: AbortSignal; deadline: number },
): Promise<Link> {
  const { clock, log } = deps
  const { name } = server
  const headers: Record<string, string> = {}
  for (const [header, value] of Object.entries(secret.headers ?? {}))
    headers[header.toLowerCase()] = value.reveal()
  const url = addressOf(server.spec.url, secret)
  const secrets = secretForms([...Object.values(headers), ...secretsIn(url)])
  const target: WebTarget = { name, url, secrets }
  const ended = new AbortController()
  const limit = deadlineOf(clock, opening.deadline, opening.signal, () =>
    timedOut(name, opening.deadline),
  )
  const giveUp = () => ended.abort(limit.signal.reason)
  limit.signal.addEventListener('abort', giveUp, { once: true })
  try {
    const events = await openStream(deps, target, headers, ended.signal, opening.deadline)
    const endpoint = await endpointOf(target, events)
    secrets.push(...secretForms(secretsIn(endpoint)))
    const peer = createPeer({
      clock,
      name,
      send: (message) => post(deps, { ...target, url: endpoint }, headers, message, ended.signal),
      debug: (error, what) => log.debug({ server: name, err: error }, what),
    })
    void readEvents(target, events, peer, ended.signal)
    const { signal } = limit
    const { deadline } = opening
    const hello = await handshake(peer, {
      ...{ clock, name, linkFor, signal, deadline },
      era: 'session',
      probeMs: 0,
      answered: () => undefined,
    })
    return peerLink(peer, hello, linkFor, {
      close: async () => {
        const why = new AppError('server_closed', `The link to ${name} was closed.`)
        peer.end(why)
        ended.abort(why)
      },
    })
  } catch (error) {
    ended.abort(error)
    throw limit.signal.aborted ? limit.signal.reason : error
  } finally {
    limit.signal.removeEventListener('abort', giveUp)
    limit.clear()
  }
}

type Events = AsyncGenerator<SseEvent>

async function openStream(
  { web }: SseDeps,
  target: WebTarget,
  headers: Record<string, string>,
  signal: AbortSignal,
  deadline: number,
): Promise<Events> {
  const response = await web.send(target, {
    method: 'GET',
    headers: { accept: 'text/event-stream', ...headers },
    signal,
    deadline,
    idle: 0,
  })
  if (response.status === 200 && contentType(response.headers) === 'text/event-stream')
    return sseEvents(response.body)
  throw badStatus(target, response, await textOf(target, response))
}

/** The first event names the address to post to: on the same origin, or the credential would go astray. */
async function endpointOf(target: WebTarget, events: Events): Promise<URL> {
  for (;;) {
    const next = await events.next()
    if (next.done) {
      throw new AppError('server_garbage', `${target.name} ended its stream without an endpoint.`, {
        remedy: 'Check that the address is the one of its event stream, often /sse.',
      })
    }
    const { event, data } = next.value
    if (event !== 'endpoint') continue
    const url = URL.parse(data, target.url.href)
    if (url?.origin === target.url.origin) return url
    throw new AppError(
      'server_garbage',
      `${target.name} wants messages sent to ${quote(target, data)}, which is not on its own origin.`,
      { remedy: 'Report it to the makers of the server.' },
    )
  }
}

/** Never rejects: the end of the stream is the end of the link. */
async function readEvents(target: WebTarget, events: Events, peer: Peer, signal: AbortSignal) {
  let cause: unknown
  try {
    for await (const { data } of events) {
      // One unreadable event is not worth the stream.
      for (const message of parseMessages(data)) if (message) peer.receive(message)
    }
  } catch (error) {
    cause = webError(target, signal, 0, error)
  }
  const ours = peer.closed !== null
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`
  peer.end(
    new AppError('server_closed', `${target.name} ended its event stream${why}.`, {
      remedy: 'It is opened again with the next call.',
      cause,
    }),
  )
  // It may come back with other lists: reading them opens it again.
  if (!ours) peer.receive({ kind: 'notification', notification: LISTS_MAY_DIFFER })
}

async function post(
  { web }: SseDeps,
  target: WebTarget,
  headers: Record<string, string>,
  message: JsonObject,
  signal: AbortSignal,
): Promise<void> {
  const response = await web.send(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(message),
    signal,
    deadline: POST_MS,
  })
  const text = await textOf(target, response)
  if (response.status < 200 || response.status >= 300) throw badStatus(target, response, text)
}

const textOf = (target: WebTarget, { body }: ForwardReply) =>
  readText(target.name, body, TEXT_LIMIT)
