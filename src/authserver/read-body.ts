// Reads a request body up to a limit, so that the library never sees more than it would take.
import { AppError } from '../kernel/app-error.ts'
import { MAX_BODY } from './configuration.ts'

/** @throws AppError too_large | unsupported_media */
export async function readBody(request: Request): Promise<Buffer> {
  if (request.headers.has('content-encoding'))
    throw new AppError('unsupported_media', 'The body is encoded.', {
      remedy: 'Send it without Content-Encoding.',
    })
  // A length that is told is refused before it is waited for.
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY) throw tooLarge()
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = request.body?.getReader()
  for (;;) {
    const part = await reader?.read()
    if (!part || part.done) return Buffer.concat(chunks)
    size += part.value.byteLength
    if (size > MAX_BODY) {
      await reader?.cancel()
      throw tooLarge()
    }
    chunks.push(part.value)
  }
}

const tooLarge = () =>
  new AppError('too_large', `The body is larger than ${MAX_BODY / 1024} KiB.`, {
    remedy: 'No request to the authorization server needs that much.',
  })
