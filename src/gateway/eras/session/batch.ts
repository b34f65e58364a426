// JSON-RPC batches, which revision 2025-03-26 alone takes (Base Protocol > Batching; Streamable HTTP > Sending Messages):
// every message goes the same straight line as if it had come alone.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isAppError } from '../../../kernel/app-error.ts'
import { askClient } from '../../ask-client.ts'
import type { Answer, Call, GatewayDeps } from '../../gateway.ts'
import { type Message, parseBatch } from '../../message.ts'
import { RpcFailure, toRpcError } from '../../rpc-error.ts'
import type { Session } from '../../sessions.ts'
import { openSse, type SseStream } from '../../sse.ts'
import { accepts, SILENCE_MS } from './answer.ts'
import { hear, request, sessionOf } from './door.ts'

type BatchCall = Omit<Call, 'session' | 'answer' | 'era' | 'message'>

const BATCHED = '2025-03-26'

/** @throws AppError | RpcFailure before any effect when the batch as a whole is refused */
export async function postBatch(
  deps: GatewayDeps,
  incoming: BatchCall,
  bytes: Buffer,
): Promise<void> {
  const { req, res, principal, endpoint } = incoming
  const messages = parseBatch(bytes)
  if (!mayBatch(req)) throw notTaken()
  const session = await sessionOf(deps, req, principal, endpoint)
  if (session.protocolVersion !== BATCHED) throw notTaken()
  checkTogether(messages)

  const requests = messages.filter(({ kind }) => kind === 'request')
  const answers = collect(deps, req, res, session, requests.length)
  for (const message of messages)
    if (message.kind !== 'request') await hear(deps, { principal, endpoint, session, message })
  if (requests.length === 0) {
    res.writeHead(202).end()
    return
  }
  await Promise.all(
    requests.map(async (message) => {
      const answer = answers(message)
      try {
        await request(deps, {
          ...incoming,
          era: 'session',
          session,
          message,
          answer,
          batched: true,
        })
      } catch (error) {
        if (!isAppError(error) && !(error instanceof RpcFailure))
          deps.core.log.error({ err: error }, 'a request of a batch failed')
        answer.error(toRpcError(error), 200)
      }
    }),
  )
}

/** A header that is missing is the usage of the revision itself. */
function mayBatch({ headers }: IncomingMessage): boolean {
  const version = headers['mcp-protocol-version']
  return headers['mcp-session-id'] !== undefined && (version === undefined || version === BATCHED)
}

const refused = (message: string) => new RpcFailure(-32600, message, { status: 400 })

const notTaken = () =>
  refused(
    `The body is a JSON-RPC batch, which only a session of revision ${BATCHED} takes. Send one message per POST.`,
  )

function checkTogether(messages: readonly Message[]): void {
  const ids = new Set<string>()
  for (const { kind, method, rawId } of messages) {
    if (method === 'initialize') throw refused('initialize cannot be part of a batch.')
    if (kind !== 'request' || rawId === null) continue
    if (ids.has(rawId))
      throw refused(`Two requests of the batch have the id ${rawId.slice(0, 80)}.`)
    ids.add(rawId)
  }
}

/** All answers in one array; one by one on a stream as soon as something has to be said before the last is there. */
function collect(
  deps: GatewayDeps,
  req: IncomingMessage,
  res: ServerResponse,
  session: Session,
  count: number,
): (message: Message) => Answer {
  const ready: string[] = []
  let left = count
  let stream: SseStream | null = null
  const streaming = accepts(req)
  const silence = streaming ? deps.core.clock.after(SILENCE_MS, () => void opened()) : null
  res.on('close', () => silence?.cancel())

  function opened(): SseStream | null {
    if (stream || left === 0 || res.headersSent || !streaming) return stream
    stream = openSse(res, deps.heartbeats)
    for (const json of ready.splice(0)) stream.send(json)
    return stream
  }

  function settle(json: string | null) {
    left--
    if (json !== null && stream) stream.send(json)
    else if (json !== null) ready.push(json)
    if (left > 0) return
    silence?.cancel()
    if (stream) stream.end()
    else if (ready.length === 0) res.writeHead(202).end()
    else if (!res.headersSent) {
      const body = `[${ready.join(',')}]`
      const length = Buffer.byteLength(body)
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': length }).end(body)
    }
  }

  return ({ rawId }) => {
    let settled = false
    const finish = (json: string | null) => {
      if (settled) return
      settled = true
      settle(json)
    }
    return {
      result: (result) =>
        finish(`{"jsonrpc":"2.0","id":${rawId},"result":${JSON.stringify(result)}}`),
      error: (error) => finish(`{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify(error)}}`),
      none: () => finish(null),
      notify: (method, params) =>
        opened()?.send(JSON.stringify({ jsonrpc: '2.0', method, ...(params ? { params } : {}) })),
      ask: (question) => askClient(session, opened(), question),
    }
  }
}
