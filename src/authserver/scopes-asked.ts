// Which of the scopes that a client asks for it can get: those of the endpoint it asks for. Unknown ones are cut, not
// refused; none is the default. `offline_access` is accepted and means nothing: refresh tokens do not depend on it.
import { ALL_SCOPE, scopesOf } from '../access/scopes.ts'
import type { Resource } from './deps.ts'

/** On /s/NAME/mcp only that server's scopes, and `mcp`, which covers them. */
export const scopesOfResource = (resource: Resource, servers: readonly string[]): string[] =>
  scopesOf(resource.serverName === null ? servers : [resource.serverName])

/** `ceiling` is the list an admin set for a static client; null is no limit. */
export function scopesAsked(
  asked: string | undefined,
  available: readonly string[],
  ceiling: readonly string[] | null,
): string {
  const wanted = new Set((asked ?? '').split(' '))
  const allowed =
    ceiling === null ? available : available.filter((scope) => ceiling.includes(scope))
  const known = allowed.filter((scope) => wanted.has(scope))
  if (known.length === 0) known.push(...(allowed.includes(ALL_SCOPE) ? [ALL_SCOPE] : allowed))
  // OpenID Connect clients want to know who signed in; that is no access, so it is not asked about.
  if (wanted.has('openid')) known.push('openid')
  return known.join(' ')
}
