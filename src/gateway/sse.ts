// Server-sent events towards the client: opened late, kept alive with comments, closed once.
import type { ServerResponse } from 'node:http'
import type { Clock } from '../kernel/time.ts'

export interface SseStream {
  send(json: string): void
  end(): void
  /** Returns the function that takes the listener off again. */
  onClose(listener: () => void): () => void
  readonly closed: boolean
}

const KEEP_ALIVE_MS = 15_000
/** Bytes that a client may leave unread; one that does not read at all must not fill the memory. */
const UNREAD_LIMIT = 1024 * 1024

export const SSE_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

export function openSse(
  res: ServerResponse,
  clock: Clock,
  headers: Record<string, string> = {},
): SseStream {
  let closed = false
  let timer = clock.after(KEEP_ALIVE_MS, beat)
  function beat() {
    if (closed) return
    res.write(':\n\n')
    timer = clock.after(KEEP_ALIVE_MS, beat)
  }
  const stop = () => {
    closed = true
    timer.cancel()
  }
  res.writeHead(200, { ...SSE_HEADERS, ...headers })
  res.flushHeaders()
  res.on('close', stop)
  return {
    onClose: (listener) => {
      res.on('close', listener)
      return () => void res.off('close', listener)
    },
    send: (json) => {
      if (closed) return
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
    get closed() {
      return closed
    },
  }
}
