// The `Mcp-*` headers of a request that goes on to a stateless server (2026-07-28 Request Metadata).
import { encodeHeaderValue } from '../catalog/header-value.ts'
import type { Call } from './gateway.ts'
import type { Target } from './resolve.ts'

/** The stateless era mirrors parts of the body in headers; after un-prefixing, the client's own would be wrong. */
export function forwardedHeaders(
  { req, era, message }: Call,
  target: Target,
): Record<string, string> {
  if (era !== 'stateless') return {}
  const headers: Record<string, string> = { 'mcp-method': message.method }
  const version = req.headers['mcp-protocol-version']
  if (typeof version === 'string') headers['mcp-protocol-version'] = version
  if (req.headers['mcp-name'] !== undefined) headers['mcp-name'] = encodeHeaderValue(target.name)
  for (const [name, value] of Object.entries(req.headers)) {
    if (name.startsWith('mcp-param-') && typeof value === 'string') headers[name] = value
  }
  return headers
}
