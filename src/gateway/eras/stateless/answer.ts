// Replies of the stateless era: the result says that it is complete and who made it; errors also set the HTTP status.
import type { ServerResponse } from 'node:http'
import { AppError } from '../../../kernel/app-error.ts'
import type { JsonObject } from '../../../kernel/mcp.ts'
import type { Clock } from '../../../kernel/time.ts'
import type { Answer } from '../../gateway.ts'
import type { Heartbeats } from '../../heartbeats.ts'
import { isObject } from '../../message.ts'
import { openSse, type SseStream } from '../../sse.ts'

const SILENCE_MS = 10_000

export function statelessAnswer(
  res: ServerResponse,
  clock: Clock,
  heartbeats: Heartbeats,
  rawId: string,
  serverInfo: () => JsonObject,
  cacheable: boolean,
): Answer {
  let stream: SseStream | null = null
  let answered = false
  const opened = () => {
    if (!stream && !answered && !res.headersSent) stream = openSse(res, heartbeats)
    return stream
  }
  const silence = clock.after(SILENCE_MS, () => void opened())
  res.on('close', () => silence.cancel())

  function finish(status: number, json: string) {
    answered = true
    silence.cancel()
    if (stream) {
      stream.send(json)
      stream.end()
    } else if (!res.headersSent) {
      res
        .writeHead(status, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(json),
        })
        .end(json)
    }
  }

  return {
    result: (result) =>
      finish(
        200,
        `{"jsonrpc":"2.0","id":${rawId},"result":${JSON.stringify(complete(result, serverInfo(), cacheable))}}`,
      ),
    error: (error, status) =>
      finish(
        status,
        `{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify(translated(error))}}`,
      ),
    // Whoever cancels in this era has closed the stream.
    none: () => undefined,
    notify: (method, params) => {
      opened()?.send(JSON.stringify({ jsonrpc: '2.0', method, ...(params ? { params } : {}) }))
    },
    ask: () =>
      Promise.reject(
        new AppError(
          'bad_request',
          'Servers cannot send requests to a client of this protocol revision.',
        ),
      ),
  }
}

/** Adds what a session-era server leaves out (2026-07-28 Overview > Responses; Caching). */
export function complete(
  result: JsonObject,
  serverInfo: JsonObject,
  cacheable: boolean,
): JsonObject {
  const meta = isObject(result._meta) ? result._meta : {}
  return {
    resultType: 'complete',
    ...(cacheable ? { ttlMs: 0, cacheScope: 'private' } : {}),
    ...result,
    _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo, ...meta },
  }
}

/** Codes of the older era that this one has given up or reserved. */
function translated(error: { code: number; message: string; data?: unknown }) {
  if (error.code === -32002) return { ...error, code: -32602 }
  if (error.code === -32042) return { ...error, code: -32603 }
  return error
}
