// Reads one request body within its limits, before anything looks at it.
import type { IncomingMessage } from 'node:http'
import { AppError } from '../kernel/app-error.ts'
import type { Room } from '../kernel/memory.ts'

const JSON_TYPE = 'application/json'

/** Bytes that are UTF-8 and called something else would be read in two ways. */
const isJson = (type: string) =>
  /^application\/json\s*(;|$)/i.test(type) &&
  /^utf-?8$/i.test(/;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1] ?? 'utf-8')

/** @throws AppError unsupported_media | too_large | bad_request | overloaded */
export function readBody(req: IncomingMessage, limit: number, room: Room): Promise<Buffer> {
  const type = req.headers['content-type'] ?? ''
  if (type !== JSON_TYPE && !isJson(type)) {
    return Promise.reject(
      new AppError(
        'unsupported_media',
        `The content type is ${type === '' ? 'missing' : `"${type.slice(0, 80)}"`}, not ${JSON_TYPE} in UTF-8.`,
        {
          remedy: 'Send the JSON-RPC message as application/json.',
        },
      ),
    )
  }
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    return Promise.reject(
      new AppError('unsupported_media', 'The request body is compressed, which is not accepted.', {
        remedy: 'Send it without Content-Encoding.',
      }),
    )
  }
  const tooLarge = () =>
    new AppError('too_large', `The request is over the limit of ${limit} bytes.`, {
      remedy: 'Send less, or raise limits.request-bytes in the configuration.',
      data: { limit },
    })
  const declared = Number(req.headers['content-length'] ?? 0)
  if (declared > limit) return Promise.reject(tooLarge())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    // The whole at once, where its size is told: many that each have a part of their room would all be refused.
    room.add(declared)
    req.on('data', (chunk: Buffer) => {
      size += chunk.length
      try {
        if (size > limit) throw tooLarge()
        if (declared === 0) room.add(chunk.length)
      } catch (error) {
        req.removeAllListeners('data')
        req.resume()
        reject(error)
        return
      }
      chunks.push(chunk)
    })
    req.on('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
    )
    req.on('error', (cause) =>
      reject(
        new AppError('bad_request', 'The request ended before its body was complete.', { cause }),
      ),
    )
    req.on('close', () => {
      if (!req.complete)
        reject(new AppError('bad_request', 'The request ended before its body was complete.'))
    })
  })
}
