// Protected resource metadata (RFC 9728): `resource` is exactly the URL that was asked about, because clients send it
// back and compare it byte by byte. offline_access is never listed.
import type { AuthServerDeps } from './deps.ts'
import { resolveResource } from './resources.ts'
import { scopesOfResource } from './scopes-asked.ts'

export interface ProtectedResource {
  resource: string
  authorization_servers: string[]
  scopes_supported: string[]
  bearer_methods_supported: ['header']
  resource_name: string
}

/** `path` is that of an endpoint as typed, '' for the root document; null when there is no endpoint. */
export function protectedResource(
  deps: Pick<AuthServerDeps, 'endpoints' | 'publicUrl' | 'serverNames'>,
  path: string,
): ProtectedResource | null {
  const origin = deps.publicUrl()
  const url = `${origin}${path === '' || path === '/' ? '/mcp' : path}`
  const resource = resolveResource(deps, url)
  if (!resource) return null
  return {
    resource: url,
    authorization_servers: [origin],
    scopes_supported: scopesOfResource(resource, deps.serverNames()),
    bearer_methods_supported: ['header'],
    resource_name: resource.serverName === null ? 'Mooring' : `Mooring: ${resource.serverName}`,
  }
}
