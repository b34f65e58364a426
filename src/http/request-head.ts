// What the head of a request must be before anything reads it: one meaning for us and for every proxy in front
// (RFC 9112 §3.2 target and Host, §6.1 Transfer-Encoding; RFC 9110 §5.3 headers that may stand only once).
import type { IncomingMessage } from 'node:http'
import { AppError } from '../kernel/app-error.ts'
import type { Hosts } from './hosts.ts'

/** Of two of these, one program reads the first and the next one the last. */
const ONCE = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'origin',
  'transfer-encoding',
  'x-api-key',
])
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i

/**
 * Leaves `req.url` in origin form.
 * @throws AppError bad_request | wrong_host
 */
export function checkHead(req: IncomingMessage, hosts: Hosts): void {
  const { headers, rawHeaders } = req
  if (req.httpVersionMajor !== 1)
    throw new AppError('bad_request', `The gateway speaks HTTP/1.1, not ${req.httpVersion}.`)
  // Equal numbers mean that nothing was joined or dropped: the usual case costs no more than the count.
  if (rawHeaders.length !== 2 * Object.keys(headers).length) refuseRepeated(rawHeaders)
  hosts.check(headers.host)
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    throw new AppError('bad_request', 'The transfer encoding of the request is not chunked alone.')
  const url = req.url ?? ''
  if (url.charCodeAt(0) !== SLASH) req.url = originForm(url, hosts)
}

const SLASH = 0x2f

function refuseRepeated(rawHeaders: readonly string[]): void {
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (!ONCE.has(name) && !name.startsWith('mcp-param-')) continue
    if (seen.has(name))
      throw new AppError('bad_request', `The header ${name.slice(0, 80)} stands twice.`, {
        remedy: 'Send it once. A proxy in front may have added the second one.',
      })
    seen.add(name)
  }
}

function originForm(url: string, hosts: Hosts): string {
  const [, authority, rest = ''] = ABSOLUTE.exec(url) ?? []
  if (authority === undefined)
    throw new AppError('bad_request', 'The request target is neither a path nor an http URL.')
  hosts.check(authority)
  return rest.startsWith('/') ? rest : `/${rest}`
}
