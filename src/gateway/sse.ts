// Server-sent events towards the client: opened late, kept alive with comments, closed once.
import type { ServerResponse } from 'node:http'
import type { Heartbeats } from './heartbeats.ts'

export interface SseStream {
  send(json: string): void
  end(): void
  /** What follows is written to the response by somebody else: no heartbeat may fall into the middle of it. */
  handOver(): void
  /** Returns the function that takes the listener off again. */
  onClose(listener: () => void): () => void
  readonly closed: boolean
}

/** Bytes that a client may leave unread; one that does not read at all must not fill the memory. */
const UNREAD_LIMIT = 1024 * 1024

export const SSE_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

const streams = new WeakMap<ServerResponse, SseStream>()

/** The stream as which an answer was begun, if it was: what goes wrong after that is said in it. */
export const sseOf = (res: ServerResponse): SseStream | undefined => streams.get(res)

export function openSse(
  res: ServerResponse,
  heartbeats: Heartbeats,
  headers: Record<string, string> = {},
): SseStream {
  // A client that went away while the request was looked at is not told of again.
  let closed = res.closed
  const quiet = closed
    ? () => undefined
    : heartbeats.add(() => {
        // Ended, and not yet read by the client: one more write would be an error that nobody handles.
        if (!res.writableEnded) res.write(':\n\n')
      })
  const stop = () => {
    closed = true
    quiet()
  }
  if (!closed) {
    res.writeHead(200, { ...SSE_HEADERS, ...headers })
    res.flushHeaders()
    res.on('close', stop)
  }
  const stream: SseStream = {
    onClose: (listener) => {
      res.on('close', listener)
      return () => void res.off('close', listener)
    },
    send: (json) => {
      if (closed || res.writableEnded) return
      if (res.writableLength > UNREAD_LIMIT) {
        res.destroy()
        return
      }
      res.write(`event: message\ndata: ${json}\n\n`)
    },
    end: () => {
      if (closed) return
      stop()
      res.end()
    },
    handOver: () => {
      stop()
      streams.delete(res)
    },
    get closed() {
      return closed
    },
  }
  streams.set(res, stream)
  return stream
}
