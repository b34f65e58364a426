// Runs the protocol library on a request of our own making and captures its answer in memory: no socket, so nothing
// leaves before the unit of work is committed, and no header of the client reaches it that we did not choose.
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type Provider from 'oidc-provider'

export interface ProviderRequest {
  method: string
  /** Path and query. */
  url: string
  headers: Record<string, string>
  body?: Buffer
}

export interface Captured {
  status: number
  /** Set-Cookie is a list. */
  headers: Record<string, string | string[]>
  body: Buffer
}

/** Everything the library may learn of the client's headers. Hop-by-hop and forwarding headers are not among them. */
const PASSED = ['accept', 'authorization', 'content-type', 'cookie', 'user-agent'] as const

/** The request as the library sees it: its host is always the public one (threats.md row 3). */
export function libraryHeaders(headers: Headers, publicUrl: string): Record<string, string> {
  const { host, protocol } = new URL(publicUrl)
  const passed: Record<string, string> = { host, 'x-forwarded-proto': protocol.slice(0, -1) }
  for (const name of PASSED) {
    const value = headers.get(name)
    if (value !== null) passed[name] = value
  }
  return passed
}

/** Bare message and response, for the library's calls that take them without serving a request. */
export function messages({ method, url, headers, body }: ProviderRequest) {
  const incoming = new IncomingMessage(new Socket())
  incoming.method = method
  incoming.url = url
  incoming.headers = body ? { ...headers, 'content-length': String(body.length) } : { ...headers }
  if (body) incoming.push(body)
  incoming.push(null)
  return { incoming, outgoing: new ServerResponse(incoming) }
}

export async function runProvider(provider: Provider, request: ProviderRequest): Promise<Captured> {
  const { incoming, outgoing } = messages(request)
  const chunks: Buffer[] = []
  const ended = new Promise<void>((resolve) => {
    const keep = (chunk: unknown) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
    }
    outgoing.write = (chunk: unknown) => {
      keep(chunk)
      return true
    }
    outgoing.end = ((chunk: unknown) => {
      keep(chunk)
      resolve()
      return outgoing
    }) as typeof outgoing.end
  })
  await Promise.all([provider.callback()(incoming, outgoing), ended])
  const headers: Captured['headers'] = {}
  for (const [name, value] of Object.entries(outgoing.getHeaders()))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value : String(value)
  return { status: outgoing.statusCode, headers, body: Buffer.concat(chunks) }
}

const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304])

/** What we set ourselves: the length (the body may change) and who may read the answer. */
const OURS = /^(content-length|vary|access-control-.*)$/

export function toResponse({ status, headers, body }: Captured): Response {
  const out = new Headers()
  for (const [name, value] of Object.entries(headers))
    for (const one of Array.isArray(value) ? value : [value])
      if (!OURS.test(name)) out.append(name, one)
  return new Response(BODILESS.has(status) || body.length === 0 ? null : new Uint8Array(body), {
    status,
    headers: out,
  })
}
