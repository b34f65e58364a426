// 401 and 403 as RFC 6750 §3 and RFC 9728 §5.1 want them, with a body that a person can read: clients show it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AppError } from '../kernel/app-error.ts'
import { lastAnswer } from '../kernel/last-answer.ts'
import type { Endpoint } from './endpoint-path.ts'

export interface ChallengeContext {
  /** Public origin, such as `https://tools.example`. */
  origin: string
  endpoint: Endpoint
  /** Path exactly as typed, so that the metadata names the same URL. */
  typedPath: string
}

const OAUTH_ERRORS: Record<string, string> = {
  token_missing: 'invalid_token',
  bad_request: 'invalid_request',
  insufficient_scope: 'insufficient_scope',
}

export function challenge(
  error: AppError,
  { origin, endpoint, typedPath }: ChallengeContext,
  scopes: readonly string[] = [],
): string {
  const scope = scopes.length > 0 ? scopes.join(' ') : 'mcp'
  const parts = [
    `resource_metadata="${origin}/.well-known/oauth-protected-resource${endpoint.kind === 'all' && typedPath === '/' ? '' : typedPath}"`,
    `scope="${scope}"`,
    `error="${OAUTH_ERRORS[error.code] ?? 'invalid_token'}"`,
    `error_description="${quoted(error.message)}"`,
  ]
  return `Bearer ${parts.join(', ')}`
}

// RFC 6750 §3: error_description must not hold characters outside %x20-21 / %x23-5B / %x5D-7E.
const quoted = (text: string) => text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")

/** Answers an authentication or scope failure. */
export function refuse(
  req: IncomingMessage,
  res: ServerResponse,
  error: AppError,
  context: ChallengeContext,
  scopes?: readonly string[],
): void {
  const status = error.status
  const body = {
    error: OAUTH_ERRORS[error.code] ?? (status === 401 ? 'invalid_token' : error.code),
    error_description: error.message,
    code: error.code,
    ...(error.remedy ? { remedy: error.remedy } : {}),
    ...(error.data ? { details: error.data } : {}),
  }
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  }
  if (status === 401 || error.code === 'insufficient_scope')
    headers['www-authenticate'] = challenge(error, context, scopes)
  const retryAfter = error.data?.retryAfter
  if (typeof retryAfter === 'number') headers['retry-after'] = String(retryAfter)
  lastAnswer(req, res, status, headers, JSON.stringify(body))
}
