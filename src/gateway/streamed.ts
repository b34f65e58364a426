// The streamed path: same era on both sides, so the server's bytes go to the client untouched. A tap counts them and
// looks for the marks of a failed call; an outcome that cannot be stored stays unknown.
import type { Readable } from 'node:stream'
import { AppError, messageOf, recordable } from '../kernel/app-error.ts'
import { splice } from '../kernel/json-scan.ts'
import { discard } from '../servers/http/exchange.ts'
import type { ForwardReply, Link } from '../servers/link.ts'
import { anotherLink } from './another-link.ts'
import { type CallOutcome, type CallRecord, outcomeOf } from './events.ts'
import { answerFailure, mayHaveRun } from './failure.ts'
import type { Call, GatewayDeps } from './gateway.ts'
import { forwardedHeaders } from './mcp-headers.ts'
import { isObject } from './message.ts'
import type { Target } from './resolve.ts'
import { type RpcErrorBody, toRpcError } from './rpc-error.ts'
import { SSE_HEADERS, sseOf } from './sse.ts'
import { ownerOf } from './streams.ts'

const ERROR_BODY_LIMIT = 64 * 1024

export async function sendStreamed(
  deps: GatewayDeps,
  call: Call,
  target: Target,
  link: Link,
  record: CallRecord,
  cancel: AbortController,
): Promise<void> {
  const { res } = call
  const onClose = () => {
    if (call.era === 'stateless' && !res.writableFinished)
      cancel.abort(new Error('the client closed the stream'))
  }
  res.on('close', onClose)
  // Gone already, while the link was opened or the intent was written: nothing will say so again.
  if (res.closed) onClose()
  const off = deps.answers.add(ownerOf(call), () => {
    cancel.abort(new Error('the credential was revoked'))
    res.destroy()
  })
  let outcome: CallOutcome
  try {
    const reply = await forwardOnce(deps, call, target, link, cancel.signal)
    outcome = await relay(call, reply)
  } catch (error) {
    outcome = cancel.signal.aborted
      ? { outcome: 'cancelled', reason: messageOf(cancel.signal.reason), bytesOut: 0 }
      : { outcome: mayHaveRun(error) ? 'unknown' : 'error', reason: recordable(error), bytesOut: 0 }
    if (!cancel.signal.aborted) fail(call, error)
    else if (call.era === 'session') endWithout(call)
  } finally {
    res.off('close', onClose)
    off()
  }
  deps.journal.record('workload', outcomeOf(deps, record, outcome))
}

/** A call in a session that the server has forgotten was not executed: a new one is opened, and the call sent once more. */
async function forwardOnce(
  deps: GatewayDeps,
  call: Call,
  target: Target,
  link: Link,
  signal: AbortSignal,
): Promise<ForwardReply> {
  const send = (to: Link) => {
    signal.throwIfAborted()
    if (!to.forward) throw new AppError('internal', 'The link has no HTTP wire.')
    return to.forward({
      method: 'POST',
      body: bodyFor(call, target),
      headers: {
        accept: call.req.headers.accept ?? 'application/json, text/event-stream',
        'content-type': 'application/json',
        ...forwardedHeaders(call, target),
      },
      signal,
      deadline: deps.limits.callTimeoutMs,
    })
  }
  const another = () => anotherLink(deps, call, target)
  // Lost while the intent was written: nothing was sent yet.
  const reply = await send(link.closed ? await another() : link)
  if (!reply.sessionLost) return reply
  discard(deps.core.clock, reply)
  return send(await another())
}

/** The client's bytes with the server's own name for the tool; re-serialised only where more than the name differs. */
function bodyFor({ message }: Call, target: Target): Buffer {
  if (target.params) {
    const method = JSON.stringify(message.method)
    const params = JSON.stringify(target.params)
    return Buffer.from(
      `{"jsonrpc":"2.0","id":${message.rawId},"method":${method},"params":${params}}`,
    )
  }
  const { paramsName } = message.scan
  if (paramsName && message.params.name !== target.name)
    return splice(message.bytes, paramsName, JSON.stringify(target.name))
  return message.bytes
}

async function relay(call: Call, reply: ForwardReply): Promise<CallOutcome> {
  const type = String(reply.headers['content-type'] ?? '')
  if (
    reply.status >= 200 &&
    reply.status < 300 &&
    (reply.status === 202 || /^(application\/json|text\/event-stream)\b/i.test(type))
  ) {
    const events = /^text\/event-stream\b/i.test(type)
    if (events) eventStreams.add(call.res)
    // Begun by ten seconds of silence: what comes has to be events as well.
    const begun = sseOf(call.res)
    if (begun) {
      begun.handOver()
      return pipe(reply.body, call, -1, !events && reply.status !== 202)
    }
    const headers: Record<string, string> = events
      ? { ...SSE_HEADERS }
      : type
        ? { 'content-type': type }
        : {}
    const length = reply.headers['content-length']
    if (typeof length === 'string') headers['content-length'] = length
    call.res.writeHead(reply.status, headers)
    return pipe(reply.body, call, typeof length === 'string' ? Number(length) : -1)
  }
  const body = await readAll(reply.body, ERROR_BODY_LIMIT)
  const refused = reply.status === 401 || reply.status === 403
  const error = reply.status >= 400 && reply.status < 500 && !refused ? rpcErrorIn(body) : null
  if (error) {
    // Under the client's own id, and in the session era inside HTTP 200: a 404 would end the client's session with us.
    call.answer.error(error, reply.status)
    return { outcome: 'error', reason: `HTTP ${reply.status}`, bytesOut: body.length }
  }
  throw unexpected(reply, type, body)
}

function unexpected({ status, quote }: ForwardReply, type: string, body: Buffer): AppError {
  if (status === 401 || status === 403) {
    return new AppError(
      'server_refused',
      `The server refused the credential of the gateway (HTTP ${status}).`,
      {
        remedy: 'An administrator has to correct the secret of this server.',
      },
    )
  }
  return new AppError(
    'server_garbage',
    `The server answered HTTP ${status} (${type || 'no content type'}).`,
    {
      said: ` It said: ${quote?.(body.toString('utf8')) ?? ''}`,
      remedy: 'Check the address of the server, and whether it is up.',
    },
  )
}

/**
 * `whole`: the length of the body where the server has told it, -1 otherwise. `framed`: the body is one message, to be
 * written as an event; line breaks in JSON are space between its parts, and would end the event.
 */
function pipe(body: Readable, call: Call, whole: number, framed = false): Promise<CallOutcome> {
  const { res } = call
  const tap = createTap()
  if (framed && !res.destroyed) res.write('event: message\ndata: ')
  return new Promise((resolve, reject) => {
    body.on('data', (chunk: Buffer) => {
      tap.see(chunk)
      if (chunk.length === whole) {
        // Header and body in one write: as text the two become one buffer.
        res.end(chunk.toString('latin1'), 'latin1')
        return
      }
      if (!res.destroyed && !res.write(framed ? onOneLine(chunk) : chunk)) {
        body.pause()
        const resume = () => {
          res.off('drain', resume)
          res.off('close', resume)
          body.resume()
        }
        res.once('drain', resume)
        res.once('close', resume)
      }
    })
    body.on('end', () => {
      if (!res.writableEnded) res.end(framed ? '\n\n' : undefined)
      resolve(tap.outcome())
    })
    body.on('error', (cause: Error) => reject(brokenOff(cause)))
  })
}

const [LF, CR, SPACE] = [0x0a, 0x0d, 0x20]

const onOneLine = (chunk: Buffer) =>
  chunk.map((byte) => (byte === LF || byte === CR ? SPACE : byte))

/** An answer that broke off has to end as an error, not as a short success. */
function fail(call: Call, error: unknown): void {
  const { res } = call
  if (!res.headersSent || sseOf(res)) {
    answerFailure(call, error)
    return
  }
  if (eventStreams.has(res)) {
    res.end(
      `event: message\ndata: {"jsonrpc":"2.0","id":${call.message.rawId},"error":${JSON.stringify(toRpcError(error))}}\n\n`,
    )
  } else res.destroy()
}

/** The client has cancelled: it waits for no answer, and what it has of one must not look whole. */
function endWithout({ res, answer }: Call): void {
  if (res.headersSent && !sseOf(res) && !eventStreams.has(res)) res.destroy()
  else answer.none()
}

/** Answers that are piped as the event stream that the server sends. */
const eventStreams = new WeakSet<Call['res']>()

const MARKS = ['"isError":true', '"isError": true']
const KEEP = 24

/** Counts, and finds `isError` and top-level errors across chunk borders, without parsing. */
export function createTap() {
  let bytes = 0
  let toolError = false
  let rpcError = false
  let tail: Buffer = Buffer.alloc(0)
  return {
    see(chunk: Buffer) {
      const first = bytes === 0
      bytes += chunk.length
      const window = tail.length > 0 ? Buffer.concat([tail, chunk]) : chunk
      if (!toolError) toolError = MARKS.some((mark) => unescaped(window, mark))
      if (!rpcError && (first || window.length < 4096))
        rpcError = unescaped(window, '"error":{"code"') || unescaped(window, '"error":{"message"')
      tail = Buffer.from(window.subarray(Math.max(0, window.length - KEEP)))
    },
    outcome(): CallOutcome {
      if (toolError)
        return { outcome: 'error', reason: 'the tool reported an error', bytesOut: bytes }
      if (rpcError)
        return { outcome: 'error', reason: 'the server answered an error', bytesOut: bytes }
      return { outcome: 'ok', bytesOut: bytes }
    },
  }
}

/** A mark inside a string has its quotes escaped, so the byte before it is a backslash. */
function unescaped(window: Buffer, mark: string): boolean {
  for (let at = window.indexOf(mark); at !== -1; at = window.indexOf(mark, at + 1)) {
    if (at === 0 || window[at - 1] !== 0x5c) return true
  }
  return false
}

async function readAll(body: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limit) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw brokenOff(cause)
  }
  return Buffer.concat(chunks)
}

const brokenOff = (cause: unknown) =>
  new AppError('server_closed', 'The server ended the connection in the middle of its answer.', {
    cause,
  })

function rpcErrorIn(body: Buffer): RpcErrorBody | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch {
    return null // Not JSON: what it was is reported.
  }
  const error = isObject(parsed) && parsed.jsonrpc === '2.0' ? parsed.error : null
  if (!isObject(error) || typeof error.code !== 'number') return null
  const { code, message, data } = error
  return {
    code,
    message: typeof message === 'string' ? message : '',
    ...(data === undefined ? {} : { data }),
  }
}
