// Lines out of a byte stream, with a cap: a line over it is reported by its beginning and thrown away, not the stream.

export interface LineReader {
  push(chunk: Buffer): void
}

export interface LineEvents {
  line(text: string): void
  /** First and last bytes of a line that was too long, as text. */
  tooLong(beginning: string, end: string): void
}

const SHOWN = 1024

export function createLineReader(limit: number, events: LineEvents): LineReader {
  let parts: Buffer[] = []
  let size = 0
  /** Of a line that is over the limit: its beginning, and the last bytes seen. */
  let over: { beginning: string; end: Buffer } | null = null

  const add = (piece: Buffer) => {
    size += piece.length
    if (over) {
      over.end = Buffer.concat([over.end, piece.subarray(-SHOWN)]).subarray(-SHOWN)
      return
    }
    parts.push(piece)
    if (size <= limit) return
    const whole = Buffer.concat(parts)
    over = { beginning: whole.toString('utf8', 0, SHOWN), end: whole.subarray(-SHOWN) }
    parts = []
  }

  const finish = () => {
    if (over) events.tooLong(over.beginning, over.end.toString('utf8'))
    else {
      const text = Buffer.concat(parts).toString('utf8')
      events.line(text.endsWith('\r') ? text.slice(0, -1) : text)
    }
    parts = []
    size = 0
    over = null
  }

  return {
    push: (chunk) => {
      let start = 0
      for (;;) {
        const end = chunk.indexOf(0x0a, start)
        if (end === -1) break
        add(chunk.subarray(start, end))
        finish()
        start = end + 1
      }
      if (start < chunk.length) add(chunk.subarray(start))
    },
  }
}
