// Server-sent events out of a byte stream (WHATWG HTML, 9.2.6), with a cap on one event.
import { AppError } from '../kernel/app-error.ts'

export interface SseEvent {
  event: string
  data: string
  id?: string
  retry?: number
}

const EVENT_LIMIT = 32 * 1024 * 1024

/** @throws AppError server_garbage when one event is over the limit; whatever the stream throws */
export async function* sseEvents(
  body: AsyncIterable<Uint8Array>,
  limit = EVENT_LIMIT,
): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder()
  let buffer = ''
  let fields: Partial<SseEvent> & { lines: string[]; size: number } = { lines: [], size: 0 }
  let seen = 0
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true })
    // A long line is looked at once, not again with every chunk; CR is looked for only where there is one.
    const hasCr = buffer.includes('\r', seen)
    let start = 0
    let from = hasCr ? 0 : seen
    for (;;) {
      const end = lineEnd(buffer, from, hasCr)
      if (end === null) break
      const line = buffer.slice(start, end.at)
      start = end.next
      from = start
      if (line !== '') {
        readField(fields, line)
        if (fields.size > limit) throw tooLarge(limit)
        continue
      }
      const { lines, size: _, ...rest } = fields
      fields = { lines: [], size: 0 }
      if (lines.length > 0 || rest.id !== undefined || rest.retry !== undefined)
        yield { event: 'message', ...rest, data: lines.join('\n') }
    }
    buffer = buffer.slice(start)
    seen = buffer.endsWith('\r') ? buffer.length - 1 : buffer.length
    if (buffer.length + fields.size > limit) throw tooLarge(limit)
  }
}

/** A line ends with CR LF, LF or CR; a CR at the very end of the buffer may still be followed by its LF. */
function lineEnd(text: string, from: number, hasCr: boolean): { at: number; next: number } | null {
  const lf = text.indexOf('\n', from)
  const cr = hasCr ? text.indexOf('\r', from) : -1
  if (cr === -1 || (lf !== -1 && lf < cr)) return lf === -1 ? null : { at: lf, next: lf + 1 }
  if (cr === text.length - 1) return null
  return { at: cr, next: text[cr + 1] === '\n' ? cr + 2 : cr + 1 }
}

function readField(fields: Partial<SseEvent> & { lines: string[]; size: number }, line: string) {
  const colon = line.indexOf(':')
  if (colon === 0) return
  const name = colon === -1 ? line : line.slice(0, colon)
  const raw = colon === -1 ? '' : line.slice(colon + 1)
  const value = raw.startsWith(' ') ? raw.slice(1) : raw
  if (name === 'data') {
    fields.lines.push(value)
    fields.size += value.length
  } else if (name === 'event') fields.event = value
  else if (name === 'id' && !value.includes('\0')) fields.id = value
  else if (name === 'retry' && /^\d{1,9}$/.test(value)) fields.retry = Number(value)
}

const tooLarge = (limit: number) =>
  new AppError('server_garbage', `The server sent one event of more than ${limit} bytes.`, {
    remedy: 'Ask the tool for less at a time.',
  })
