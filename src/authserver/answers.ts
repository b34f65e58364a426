// Answers that are not the library's: OAuth errors as JSON (RFC 6749 §5.2) with our code and remedy beside them.
import type { AppError } from '../kernel/app-error.ts'

export interface OAuthError {
  status: number
  error: string
  description: string
  remedy?: string | undefined
  /** Seconds. */
  retryAfter?: number
  headers?: Record<string, string>
}

export function oauthError(answer: OAuthError): Response {
  const { status, error, description, remedy, retryAfter, headers } = answer
  return Response.json(
    { error, error_description: description, ...(remedy === undefined ? {} : { remedy }) },
    {
      status,
      headers: {
        'cache-control': 'no-store',
        ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
        ...headers,
      },
    },
  )
}

/** The OAuth mapper: what an AppError is called on the endpoints of the authorization server. */
export function oauthErrorOf(error: AppError): Response {
  const retryAfter = error.data?.retryAfter
  return oauthError({
    status: error.status,
    error: OAUTH_NAMES[error.code] ?? (error.status >= 500 ? 'server_error' : 'invalid_request'),
    description: error.message,
    remedy: error.remedy,
    ...(typeof retryAfter === 'number' ? { retryAfter } : {}),
    ...(error.status === 503 ? { headers: { 'retry-after': '1' } } : {}),
  })
}

const OAUTH_NAMES: Record<string, string> = {
  storage_unavailable: 'temporarily_unavailable',
  overloaded: 'temporarily_unavailable',
  rate_limited: 'temporarily_unavailable',
  wrong_path: 'not_found',
  not_found: 'not_found',
}
