// Authorization server metadata (RFC 8414, OpenID Connect Discovery), with and without path insertion. The library
// writes it; scopes are added live, and nothing in it comes from the Host header.
import type Provider from 'oidc-provider'
import { scopesOf } from '../access/scopes.ts'
import { AppError } from '../kernel/app-error.ts'
import type { AuthServerDeps } from './deps.ts'
import { protectedResource } from './protected-resource.ts'
import { parseObject } from './records.ts'
import { resolveResource } from './resources.ts'
import { runProvider } from './run-provider.ts'

const AS = '/.well-known/oauth-authorization-server'
const OIDC = '/.well-known/openid-configuration'
const PRM = '/.well-known/oauth-protected-resource'

/** Which document a path asks for, and about which endpoint; null when it is none of ours. */
export function wellKnown(pathname: string): { document: 'as' | 'resource'; about: string } | null {
  for (const [prefix, document] of [
    [AS, 'as'],
    [OIDC, 'as'],
    [PRM, 'resource'],
  ] as const)
    if (pathname === prefix || pathname.startsWith(`${prefix}/`))
      return { document, about: pathname.slice(prefix.length) }
  // The old habit of OpenID Connect: appended to the path instead of inserted before it.
  for (const suffix of [OIDC, AS])
    if (pathname.endsWith(suffix))
      return { document: 'as', about: pathname.slice(0, -suffix.length) }
  return null
}

/** @throws AppError wrong_path naming the right document */
export async function metadataDocument(
  deps: AuthServerDeps,
  provider: Provider,
  { document, about }: { document: 'as' | 'resource'; about: string },
  headers: Record<string, string>,
): Promise<object> {
  const origin = deps.publicUrl()
  if (document === 'resource') {
    const found = protectedResource(deps, about)
    if (found) return found
    throw wrongPath(`There is no endpoint at ${about}.`, `${origin}${PRM}/mcp`)
  }
  const root = about === '' || about === '/'
  if (!root && !resolveResource(deps, `${origin}${about}`))
    throw wrongPath(`There is no endpoint at ${about}.`, `${origin}${AS}`)
  const { body } = await runProvider(provider, { method: 'GET', url: AS, headers })
  const { registration_endpoint, ...rest } = parseObject(body.toString('utf8'))
  return {
    ...rest,
    ...(deps.auth().registration ? { registration_endpoint } : {}),
    scopes_supported: scopesOf(deps.serverNames()),
  }
}

const wrongPath = (message: string, right: string) =>
  new AppError('wrong_path', message, { remedy: `The document is at ${right}` })
