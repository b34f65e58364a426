// Replies of the session era: one JSON object, or an event stream as soon as there is something to say before it.
// A long silence is filled with keep-alive comments, because clients and proxies cut quiet connections.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError } from '../../../kernel/app-error.ts'
import type { Clock } from '../../../kernel/time.ts'
import { askClient } from '../../ask-client.ts'
import type { Answer } from '../../gateway.ts'
import type { Heartbeats } from '../../heartbeats.ts'
import type { Session } from '../../sessions.ts'
import { openSse, SSE_HEADERS, type SseStream } from '../../sse.ts'

/** Whether an event stream may be the answer. */
export const accepts = (req: IncomingMessage) =>
  /text\/event-stream|\*\/\*/.test(req.headers.accept ?? '')

export const SILENCE_MS = 10_000

export function sessionAnswer(
  res: ServerResponse,
  clock: Clock,
  heartbeats: Heartbeats,
  rawId: string,
  session: Session | null,
  acceptsStream: boolean,
): Answer {
  let stream: SseStream | null = null
  let answered = false
  const silence = acceptsStream ? clock.after(SILENCE_MS, () => void opened()) : null
  res.on('close', () => silence?.cancel())

  function opened(): SseStream | null {
    if (stream || answered || res.headersSent || !acceptsStream) return stream
    stream = openSse(res, heartbeats)
    return stream
  }

  function finish(json: string) {
    answered = true
    silence?.cancel()
    if (stream) {
      stream.send(json)
      stream.end()
    } else if (!res.headersSent) {
      res
        .writeHead(200, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(json),
        })
        .end(json)
    }
  }

  return {
    result: (result) =>
      finish(`{"jsonrpc":"2.0","id":${rawId},"result":${JSON.stringify(result)}}`),
    // Errors of this era travel inside HTTP 200: the status speaks of the transport only.
    error: (error) => finish(`{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify(error)}}`),
    none: () => {
      answered = true
      silence?.cancel()
      stream?.end()
      if (!res.writableEnded) res.end()
    },
    notify: (method, params) => {
      opened()?.send(JSON.stringify({ jsonrpc: '2.0', method, ...(params ? { params } : {}) }))
    },
    ask: (question) =>
      session
        ? askClient(session, opened(), question)
        : Promise.reject(new AppError('bad_request', 'There is no session to ask in.')),
  }
}

/** A reply that is ready at once, in the form the client would rather have: the first of the two that Accept names. */
export function sendWhole(req: IncomingMessage, res: ServerResponse, json: string): void {
  if (/^\s*text\/event-stream\b/i.test(req.headers.accept ?? '')) {
    res.writeHead(200, SSE_HEADERS).end(`event: message\ndata: ${json}\n\n`)
    return
  }
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) }
  res.writeHead(200, headers).end(json)
}
