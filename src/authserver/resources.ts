// RFC 8707: which resource a request is about, and the answer when it is none of ours.
import { errors } from 'oidc-provider'
import { isAppError } from '../kernel/app-error.ts'
import type { AuthServerDeps, Resource } from './deps.ts'

type Where = Pick<AuthServerDeps, 'endpoints' | 'publicUrl'>

/** What 2025-03-26 clients mean, who send no resource. */
export const defaultResource = ({ publicUrl }: Where): string => `${publicUrl()}/mcp`

/** @throws InvalidTarget naming the right URL */
export function resourceOf(deps: Where, identifier: string): Resource {
  const resource = resolveResource(deps, identifier)
  if (resource) return resource
  throw new errors.InvalidTarget(
    `There is no endpoint at ${printable(identifier)}. The endpoint of this gateway is ${defaultResource(deps)}; one server alone is at ${deps.publicUrl()}/s/NAME/mcp.`,
  )
}

export function resolveResource({ endpoints }: Where, identifier: string): Resource | null {
  try {
    return endpoints.resolve(identifier)
  } catch (error) {
    // What cannot be parsed as a URL names no endpoint; anything else is a fault.
    if (isAppError(error) || error instanceof TypeError) return null
    throw error
  }
}

/** RFC 6749 §4.1.2.1 allows neither quotes nor control characters in error_description. */
const printable = (text: string) => text.slice(0, 200).replace(/[^\x21\x23-\x5b\x5d-\x7e]/g, '?')
