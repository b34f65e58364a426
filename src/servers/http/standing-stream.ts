// A stream that a server keeps open for news outside any call: re-opened with a growing pause, until it is told
// that there is no such stream.
import type { Clock } from '../../kernel/time.ts'
import { pause } from '../deadline.ts'
import type { ForwardReply } from '../link.ts'
import { parseMessages } from '../parse-messages.ts'
import type { Incoming } from '../rpc.ts'
import { sseEvents } from '../sse-events.ts'
import { contentType } from '../web.ts'
import { discard } from './exchange.ts'

const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 60_000

export interface StandingStream {
  clock: Clock
  signal: AbortSignal
  open(lastEventId: string | undefined): Promise<ForwardReply>
  /** Told why the stream was lost, before it is opened again. */
  interrupted(error: unknown): void
  /** Open again after it was lost: what was said meanwhile is lost too. */
  reopened(): void
  /** Returns false when no more is to be expected. */
  take(message: Incoming): boolean
}

/** Resolves when the server has no such stream or the signal ends it; never rejects. */
export async function keepOpen(stream: StandingStream): Promise<void> {
  let wait = FIRST_PAUSE
  let lastId: string | undefined
  let broken = false
  while (!stream.signal.aborted) {
    const started = stream.clock.monotonic()
    try {
      const response = await stream.open(lastId)
      if (response.status !== 200 || contentType(response.headers) !== 'text/event-stream') {
        discard(stream.clock, response)
        return
      }
      if (broken) stream.reopened()
      broken = false
      for await (const { id, data } of sseEvents(response.body)) {
        if (id !== undefined) lastId = id
        if (data !== '' && !takeAll(stream, data)) return
      }
    } catch (error) {
      if (stream.signal.aborted) return
      stream.interrupted(error)
      broken = true
    }
    if (stream.clock.monotonic() - started > LONGEST_PAUSE) wait = FIRST_PAUSE
    if (!(await rested(stream, wait))) return
    wait = Math.min(wait * 2, LONGEST_PAUSE)
  }
}

const rested = (stream: StandingStream, ms: number): Promise<boolean> =>
  pause(stream.clock, ms, stream.signal).then(
    () => true,
    () => false,
  )

function takeAll(stream: StandingStream, data: string): boolean {
  // One unreadable piece of news is not worth the stream.
  return parseMessages(data).every((message) => message === null || stream.take(message))
}
