// HTTP towards servers: one connection pool per origin, no redirects, and every failure as one of our errors.
import { Readable } from 'node:stream'
import { errors, Pool } from 'undici'
import { addressRules, checkUrl } from '../kernel/address-rules.ts'
import { AppError, messageOf } from '../kernel/app-error.ts'
import { createSafeConnector } from '../kernel/safe-connect.ts'
import type { ForwardReply } from './link.ts'
import type { ServerSecret } from './server.ts'

export interface WebTarget {
  /** The server's name, for messages. */
  name: string
  url: URL
  /** What must not be shown even when the server echoes it: the values of the credential. */
  secrets: readonly string[]
}

export interface WebRequest {
  method: 'POST' | 'GET' | 'DELETE'
  headers: Record<string, string>
  body?: string | Uint8Array
  signal: AbortSignal
  /** Milliseconds until response headers. */
  deadline: number
  /** Milliseconds between two pieces of the body; 0 is no limit. */
  idle?: number
}

export interface Web {
  /** @throws AppError server_unreachable, server_timeout, server_closed, server_garbage; the signal's reason */
  send(target: WebTarget, request: WebRequest): Promise<ForwardReply>
  close(): Promise<void>
}

/** An admin sets these addresses, so private ones are meant; metadata services are reached by nobody. */
const RULES = addressRules({
  allowPrivate: ['0.0.0.0/0', '::/0'],
  allowHttp: true,
  ports: 'any',
})
const CONNECT_MS = 10_000

/** @throws AppError blocked_address */
export const serverUrl = (text: string): URL => checkUrl(text, RULES)

/** The address with the query that is kept with the secrets. @throws AppError blocked_address */
export function addressOf(text: string, { query }: ServerSecret): URL {
  const url = serverUrl(text)
  if (query) url.search = query.reveal()
  return url
}

export function createWeb(): Web {
  const pools = new Map<string, Pool>()
  const poolOf = (origin: string) => {
    let pool = pools.get(origin)
    if (!pool) {
      pool = new Pool(origin, {
        connections: 1024,
        pipelining: 1,
        connect: createSafeConnector({ rules: RULES, timeoutMs: CONNECT_MS }),
      })
      pools.set(origin, pool)
    }
    return pool
  }
  return {
    send: async (target, { method, headers, body, signal, deadline, idle }) => {
      // Compressed bytes could be anything of any size, and nobody here looks into them.
      headers['accept-encoding'] = 'identity'
      try {
        const {
          statusCode,
          headers: answered,
          body: stream,
        } = await poolOf(target.url.origin).request({
          path: target.url.pathname + target.url.search,
          method,
          headers,
          body: body ?? null,
          signal,
          headersTimeout: deadline,
          bodyTimeout: idle ?? deadline,
        })
        if (isEncoded(answered)) {
          stream.on('error', () => undefined).destroy()
          if (statusCode < 300) throw encoded(target, answered)
          return { status: statusCode, headers: answered, body: Readable.from([]) }
        }
        return { status: statusCode, headers: answered, body: stream }
      } catch (error) {
        throw webError(target, signal, deadline, error)
      }
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
      pools.clear()
    },
  }
}

/** What a failed request or a broken body means, in our words. */
export function webError(
  { name, url }: WebTarget,
  signal: AbortSignal,
  deadline: number,
  error: unknown,
): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof AppError) return error
  const code = (error as { code?: string } | null)?.code ?? ''
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return timedOut(name, deadline)
  if (
    error instanceof errors.HTTPParserError ||
    error instanceof errors.HeadersOverflowError ||
    code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' ||
    code.startsWith('HPE_')
  ) {
    return new AppError('server_garbage', `${name} answered something that is not HTTP.`, {
      remedy: `Check that an MCP server listens on ${url.origin}.`,
      cause: error,
    })
  }
  if (error instanceof errors.SocketError || LOST.has(code)) {
    return new AppError('server_closed', `${name} closed the connection before it answered.`, {
      remedy: 'It may have done the work. Look at its own log before trying again.',
      cause: error,
    })
  }
  return new AppError('server_unreachable', `${name} cannot be reached: ${causeOf(error, url)}.`, {
    remedy: `Check that it runs and that its address ${url.origin}${url.pathname} is right.`,
    cause: error,
  })
}

function isEncoded(headers: ForwardReply['headers']): boolean {
  const encoding = headers['content-encoding']
  return encoding !== undefined && String(encoding).trim().toLowerCase() !== 'identity'
}

const encoded = ({ name }: WebTarget, headers: ForwardReply['headers']) =>
  new AppError(
    'server_garbage',
    `${name} answered with a compressed body (${excerpt(String(headers['content-encoding']), 40)}), although it was asked not to.`,
    { remedy: 'Switch compression off at the server, or at the proxy in front of it.' },
  )

const LOST = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_ABORTED'])

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'its host name does not exist',
  EAI_AGAIN: 'its host name cannot be looked up now',
  EHOSTUNREACH: 'there is no route to its host',
  ENETUNREACH: 'there is no route to its network',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an unknown authority',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
}

function causeOf(error: unknown, url: URL): string {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  const code = (first as { code?: string } | null)?.code
  const words = (code && WORDS[code]) || messageOf(first) || 'the connection failed'
  return `${words} (${code ? `${code}, ` : ''}${url.host})`
}

export const timedOut = (name: string, ms: number) =>
  new AppError('server_timeout', `${name} did not answer within ${Math.round(ms / 100) / 10} s.`, {
    remedy: 'Try again, or raise limits.callTimeout if the tool needs longer.',
  })

/** Reads a whole body. @throws AppError server_garbage over `limit` */
export async function readText(
  name: string,
  body: Readable,
  limit: number,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) {
      body.destroy()
      throw new AppError('server_garbage', `${name} answered more than ${limit} bytes.`, {
        remedy: 'Ask the tool for less at a time.',
      })
    }
    onBytes?.(chunk.length)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export const contentType = (headers: ForwardReply['headers']): string => {
  const value = headers['content-type']
  const first = Array.isArray(value) ? value[0] : value
  return (first ?? '').split(';')[0]!.trim().toLowerCase()
}

/** The first characters of a foreign text, safe to show. */
export function excerpt(text: string, length = 120): string {
  const flat = text
    .slice(0, 20 * length)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
  return flat.length > length ? `${flat.slice(0, length)}…` : flat
}

/** Short ones would be found everywhere. */
const SHORTEST_SECRET = 4

/** Values to hide, in the forms in which a server repeats them; a header such as `Bearer abc` also by its last word. */
export function secretForms(values: readonly string[]): string[] {
  const words = values.flatMap((value) => [value, value.split(' ').at(-1)!])
  const forms = words.flatMap((word) => [
    word,
    encodeURIComponent(word),
    new URLSearchParams({ x: word }).toString().slice(2),
    JSON.stringify(word).slice(1, -1),
  ])
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST_SECRET)
}

/** What an address holds besides its place: keys often stand there. */
export const secretsIn = ({ search, searchParams }: URL): string[] => [
  search.slice(1),
  ...searchParams.values(),
]

/** A foreign text without the secrets that we sent. */
export function quote({ secrets }: WebTarget, text: string, length?: number): string {
  const shown = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)
  return excerpt(shown, length)
}

/** 401, 403: it is the gateway's own credential that was refused, not the one of the person who calls. */
export function refused(target: WebTarget, status: number, text: string): AppError {
  const { name } = target
  const said = quote(target, text)
  return new AppError(
    'server_refused',
    `${name} refused the gateway's own credential for it (HTTP ${status})`,
    {
      said: said ? `: ${said}` : '.',
      remedy: `Set a valid credential for ${name}; your sign-in to this gateway is not the problem.`,
    },
  )
}

/** A status that carries no JSON-RPC answer. */
export function badStatus(target: WebTarget, reply: ForwardReply, text: string): AppError {
  const { name, url } = target
  const { status } = reply
  if (status === 401 || status === 403) return refused(target, status, text)
  if (status >= 300 && status < 400) {
    const location = reply.headers.location
    return new AppError(
      'server_unreachable',
      `${name} redirects (HTTP ${status}); redirects are not followed.`,
      {
        said: ` It points to ${quote(target, String(location ?? 'nowhere'))}.`,
        remedy: 'Set the address of the server to the final one.',
      },
    )
  }
  if (status === 429) {
    const after = reply.headers['retry-after']
    return new AppError(
      'server_unreachable',
      `${name} takes no more requests now (HTTP 429)${after ? `, try again in ${quote(target, String(after), 30)} s` : ''}.`,
      { remedy: 'Wait, or ask its operator for a higher limit.' },
    )
  }
  const type = contentType(reply.headers) || 'no content type'
  return new AppError(
    'server_garbage',
    `${name} answered HTTP ${status} with ${quote(target, type, 60)}, not MCP`,
    {
      said: `: ${quote(target, text) || '(empty)'}`,
      remedy:
        status === 404 || status === 405
          ? `Check the path: nothing speaks MCP at ${url.pathname}.`
          : `Check that ${url.origin}${url.pathname} is the address of an MCP server and that it is healthy.`,
    },
  )
}
