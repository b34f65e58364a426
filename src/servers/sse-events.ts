// Server-sent events out of a byte stream (WHATWG HTML, 9.2.6), with a cap on one event.
import { AppError } from '../kernel/app-error.ts'

export interface SseEvent {
  event: string
  data: string
  id?: string
  retry?: number
}

const EVENT_LIMIT = 32 * 1024 * 1024
const BLOCK = 4096
/** What can be sent back in a header; a stream with other ids is not resumed. */
const ID = /^[\x20-\x7e]{0,1024}$/

type Fields = Partial<SseEvent> & { lines: string[]; size: number }

/** @throws AppError server_garbage when one event is over the limit; whatever the stream throws */
export async function* sseEvents(
  body: AsyncIterable<Uint8Array>,
  limit = EVENT_LIMIT,
): AsyncGenerator<SseEvent> {
  let fields: Fields = { lines: [], size: 0 }
  for await (const line of textLines(body, limit)) {
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
}

/** Lines end with CR LF, LF or CR. A long line is put together once, not with every chunk. */
async function* textLines(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  // Pieces of an unfinished line, put together in blocks: there may be as many as it has characters.
  let blocks: string[] = []
  let pending: string[] = []
  let size = 0
  let afterCr = false
  for await (const chunk of body) {
    const text = decoder.decode(chunk, { stream: true })
    if (text === '') continue
    let start = afterCr && text[0] === '\n' ? 1 : 0
    afterCr = text.endsWith('\r')
    const ends = text.includes('\r') ? /\r\n?|\n/g : /\n/g
    ends.lastIndex = start
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      const line = blocks.join('') + pending.join('') + text.slice(start, end.index)
      blocks = []
      pending = []
      size = 0
      start = end.index + end[0].length
      yield line
      ends.lastIndex = start
    }
    if (start === text.length) continue
    if (pending.push(text.slice(start)) === BLOCK) {
      blocks.push(pending.join(''))
      pending = []
    }
    size += text.length - start
    if (size > limit) throw tooLarge(limit)
  }
}

function readField(fields: Fields, line: string) {
  const colon = line.indexOf(':')
  if (colon === 0) return
  const name = colon === -1 ? line : line.slice(0, colon)
  const raw = colon === -1 ? '' : line.slice(colon + 1)
  const value = raw.startsWith(' ') ? raw.slice(1) : raw
  if (name === 'data') {
    fields.lines.push(value)
    fields.size += value.length + 1 // An empty line takes room as well.
  } else if (name === 'event') fields.event = value
  else if (name === 'id' && ID.test(value)) fields.id = value
  else if (name === 'retry' && /^\d{1,9}$/.test(value)) fields.retry = Number(value)
}

const tooLarge = (limit: number) =>
  new AppError('server_garbage', `The server sent one event of more than ${limit} bytes.`, {
    remedy: 'Ask the tool for less at a time.',
  })
