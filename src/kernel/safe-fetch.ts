// The only way to an untrusted URL: checked and pinned addresses, no redirects, no proxies from the environment, no
// compression, a byte cap and one deadline for everything. Failures do not tell what listens where.
import { Client, type Dispatcher } from 'undici'
import { type AddressRuleOptions, addressRules, checkUrl } from './address-rules.ts'
import { AppError, isAppError } from './app-error.ts'
import { createGate, type Gate } from './gate.ts'
import { createSafeConnector, type Resolve, systemResolve } from './safe-connect.ts'
import { type Clock, systemClock } from './time.ts'

export interface SafeFetchOptions extends AddressRuleOptions {
  userAgent: string
  /** Bytes of one reply body. */
  maxBytes: number
  /** From the call to the last byte of the body. */
  deadlineMs: number
  resolve?: Resolve
  /** Requests to one origin at once, and how many more may wait. */
  perOrigin?: number
  waiting?: number
  /** PEM of authorities to trust instead of the built-in ones. */
  ca?: string
  /** Say so when a name leads to a private address, and as soon as it is known. Only where an admin reads the message. */
  explain?: boolean
  clock?: Clock
}

export interface SafeFetchInit {
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  headers?: Record<string, string>
  body?: string | Buffer
  signal?: AbortSignal
  /** Lower than the general cap. */
  maxBytes?: number
}

export interface SafeResponse {
  status: number
  headers: Headers
  body: Buffer
}

export type SafeFetch = (url: string, init?: SafeFetchInit) => Promise<SafeResponse>

/** `data.problem` of the AppErrors that a fetch ends with. */
export type FetchProblem =
  | 'unreachable'
  | 'redirect'
  | 'encoding'
  | 'too_large'
  | 'deadline'
  | 'interrupted'

const REDIRECTS: ReadonlySet<number> = new Set([300, 301, 302, 303, 305, 307, 308])

/** The look-ups of the system share four threads with the hashing of passwords: slow names must not take them all. */
const LOOKUPS = 2

/**
 * Every call is one new connection. Rejects with blocked_address (decided from the URL alone), fetch_failed, or
 * overloaded when too many requests to one origin wait. Unless told to explain, it says only at the deadline that no
 * answer came: how long it took would tell a closed port from a filtered one, and a private name from an unknown one.
 */
export function createSafeFetch(options: SafeFetchOptions): SafeFetch {
  const { userAgent, deadlineMs, perOrigin = 4, waiting = 32, clock = systemClock } = options
  const { resolve = systemResolve } = options
  const rules = addressRules(options)
  const lookups = createGate(LOOKUPS)
  const origins = new Map<string, { gate: Gate; count: number }>()

  const ask = async (url: URL, init: SafeFetchInit, cap: number, signal: AbortSignal) => {
    const client = new Client(url.origin, {
      connect: createSafeConnector({
        rules,
        timeoutMs: deadlineMs,
        signal,
        resolve: (host) => lookups.run(() => resolve(host), signal),
        ...(options.ca !== undefined && { ca: options.ca }),
      }),
      pipelining: 0,
      headersTimeout: deadlineMs,
      bodyTimeout: deadlineMs,
    })
    // Also while it looks up or connects, where a request does not heed its signal.
    const stop = () => void client.destroy(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    try {
      const reply = await client
        .request({
          path: url.pathname + url.search,
          method: init.method ?? 'GET',
          headers: {
            ...lowerCase(init.headers),
            'user-agent': userAgent,
            'accept-encoding': 'identity',
          },
          body: init.body ?? null,
          signal,
        })
        .catch((cause: unknown) => {
          throw new NoReply(cause)
        })
      return await readReply(reply, url, cap, signal)
    } finally {
      signal.removeEventListener('abort', stop)
      // No connection is kept: each request resolves and checks anew.
      void client.destroy()
    }
  }

  return async (text, init = {}) => {
    const url = checkUrl(text, rules)
    const origin = origins.get(url.origin) ?? { gate: createGate(perOrigin), count: 0 }
    if (origin.count >= perOrigin + waiting)
      throw new AppError('overloaded', `Too many requests to ${url.host} are waiting.`, {
        remedy: 'Try again in a moment.',
      })
    origin.count++
    origins.set(url.origin, origin)
    const deadline = new AbortController()
    const timer = clock.after(deadlineMs, () => deadline.abort(new NoReply('deadline')))
    const signal = init.signal ? AbortSignal.any([init.signal, deadline.signal]) : deadline.signal
    const cap = Math.min(init.maxBytes ?? options.maxBytes, options.maxBytes)
    try {
      return await origin.gate.run(() => ask(url, init, cap, signal), signal)
    } catch (error) {
      if (isAppError(error)) throw error
      const cause = error instanceof NoReply ? error.cause : error
      if (options.explain && isAppError(cause, 'blocked_address')) throw cause
      if (!options.explain) await aborted(signal)
      throw unreachable(url, cause)
    } finally {
      timer.cancel()
      if (--origin.count === 0) origins.delete(url.origin)
    }
  }
}

/** Ended before any answer; the cause is nobody's business outside. */
class NoReply extends Error {
  constructor(cause: unknown) {
    super('no reply', { cause })
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

async function readReply(
  reply: Dispatcher.ResponseData,
  url: URL,
  cap: number,
  deadline: AbortSignal,
): Promise<SafeResponse> {
  // Nothing of a refused reply is read: the connection is cut.
  const refuse = (problem: FetchProblem, message: string, remedy: string): never => {
    reply.body.on('error', () => undefined).destroy()
    throw fetchFailed(problem, message, remedy)
  }
  if (REDIRECTS.has(reply.statusCode))
    refuse(
      'redirect',
      `${url.host} answers with a redirect (${reply.statusCode}), which is not followed.`,
      'Use the address that the redirect leads to.',
    )
  const encoding = String(reply.headers['content-encoding'] ?? 'identity')
  if (encoding.trim().toLowerCase() !== 'identity')
    refuse(
      'encoding',
      `${url.host} sends a compressed reply, although it was asked not to.`,
      'Serve the document without content-encoding.',
    )
  const tooLarge = () =>
    refuse('too_large', `The reply of ${url.host} is larger than ${cap} bytes.`, 'Serve less.')
  if (Number(reply.headers['content-length'] ?? 0) > cap) tooLarge()

  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of reply.body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > cap) tooLarge()
      chunks.push(chunk)
    }
  } catch (cause) {
    if (isAppError(cause)) throw cause
    if (deadline.aborted)
      throw fetchFailed(
        'deadline',
        `${url.host} did not send its whole reply in time.`,
        'Try again later.',
        cause,
      )
    throw fetchFailed(
      'interrupted',
      `The reply of ${url.host} broke off.`,
      'Try again later.',
      cause,
    )
  }
  return {
    status: reply.statusCode,
    headers: webHeaders(reply.headers),
    body: Buffer.concat(chunks),
  }
}

/** One text for every way of not getting a reply, a name that leads to a private address included. */
const unreachable = (url: URL, cause: unknown) =>
  fetchFailed(
    'unreachable',
    `${url.host} cannot be reached at a public address.`,
    'Check the address, and that it answers from the internet with a valid certificate.',
    cause,
  )

const fetchFailed = (problem: FetchProblem, message: string, remedy: string, cause?: unknown) =>
  new AppError('fetch_failed', message, { remedy, cause, data: { problem } })

const lowerCase = (headers: Record<string, string> = {}) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

function webHeaders(from: Record<string, string | string[] | undefined>): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(from))
    for (const one of Array.isArray(value) ? value : [value ?? '']) headers.append(name, one)
  return headers
}
