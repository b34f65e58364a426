// Which era a request belongs to: asked once, at the door (2026-07-28 Versioning, dual-era servers).
import { type Era, STATELESS_VERSIONS } from '../kernel/mcp.ts'
import { isObject, type Message } from './message.ts'

export const PROTOCOL_VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'

const FIRST_STATELESS = STATELESS_VERSIONS[0]

/** Revisions are ISO dates, so they compare as text. */
export const isStatelessVersion = (version: string) =>
  /^\d{4}-/.test(version) && version >= FIRST_STATELESS

export function metaOf(message: Message): Record<string, unknown> | null {
  return isObject(message.params._meta) ? message.params._meta : null
}

/** The body decides: a claim in `_meta` is stateless, `initialize` is session; else the version header. */
export function classifyEra(message: Message, versionHeader: string | undefined): Era {
  if (message.kind === 'response') return 'session'
  const claim = metaOf(message)?.[PROTOCOL_VERSION_KEY]
  if (message.method === 'initialize')
    return typeof claim === 'string' && isStatelessVersion(claim) ? 'stateless' : 'session'
  if (claim !== undefined) return 'stateless'
  return versionHeader !== undefined && isStatelessVersion(versionHeader) ? 'stateless' : 'session'
}
