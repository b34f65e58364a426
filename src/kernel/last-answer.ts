// The answer to a request whose body is not read to its end: whole at once, the close a little later (RFC 9112 §9.6).
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A body of so many bytes is read and dropped: the connection can be used again. */
const SMALL = 64 * 1024
/** Closing while the other side still sends resets the connection, and the answer is lost: proxies then say 502. */
const LINGER_MS = 2000
const LINGER_BYTES = 16 * 1024 * 1024

/** Answers, and ends the connection unless the rest of the request is small. */
export function lastAnswer(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string,
): void {
  const rest = Number(req.headers['content-length'] ?? Number.NaN)
  if (req.complete || (rest <= SMALL && headers.connection !== 'close')) {
    res.writeHead(status, headers).end(body)
    return
  }
  const length = String(Buffer.byteLength(body))
  res.writeHead(status, { ...headers, 'content-length': length, connection: 'close' })
  res.write(body)
  let left = LINGER_BYTES
  const end = () => {
    clearTimeout(timer)
    res.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  req.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  })
  req.once('end', end)
  req.once('close', end)
}
