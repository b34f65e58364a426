// What a credential may be used for: its scopes and the endpoint it is limited to, as they are stored.
import { AppError } from '../kernel/app-error.ts'

const SCOPE = /^(mcp|[a-zA-Z0-9_-]{1,64}:(read|write|admin))$/
const RESOURCE = /^\/(mcp|[st]\/[a-zA-Z0-9_-]{1,64}\/mcp)$/

export const scopesFrom = (stored: string): string[] => stored.split(' ').filter(Boolean)

/** Sorted, without repetition. @throws AppError invalid_input */
export function storedScopes(scopes: readonly string[]): string {
  const wrong = scopes.find((scope) => !SCOPE.test(scope))
  if (wrong !== undefined || scopes.length === 0)
    throw new AppError(
      'invalid_input',
      wrong === undefined
        ? 'A key needs at least one scope.'
        : `${JSON.stringify(wrong)} is not a scope.`,
      { remedy: 'Scopes are `mcp` (everything) and SERVER:read, SERVER:write, SERVER:admin.' },
    )
  return [...new Set(scopes)].sort().join(' ')
}

/** `/mcp` and `/mcp/` are one endpoint. */
export const endpointPath = (path: string): string =>
  path.endsWith('/') ? path.slice(0, -1) : path

/** @throws AppError invalid_input */
export function parseResource(path: string): string {
  const resource = endpointPath(path)
  if (!RESOURCE.test(resource))
    throw new AppError('invalid_input', `${JSON.stringify(path)} is not the path of an endpoint.`, {
      remedy: 'Use /mcp, /s/SERVER/mcp or /t/TOOLSET/mcp.',
    })
  return resource
}
