// CORS for browser programs from allowed origins, on the endpoints that programs call. Never with credentials.
import { AppError } from '../kernel/app-error.ts'
import type { AuthServerDeps } from './deps.ts'

const HEADERS = 'authorization, content-type, mcp-protocol-version'

/** undefined: the request does not come from a page that may read the answer. */
export function allowedOrigin(
  deps: Pick<AuthServerDeps, 'allowedOrigins' | 'publicUrl'>,
  headers: Headers,
): string | undefined {
  const origin = headers.get('origin')
  if (origin === null) return undefined
  return origin === deps.publicUrl() || deps.allowedOrigins().includes(origin) ? origin : undefined
}

/** A browser sends simple requests without asking first; that the page cannot read the answer undoes nothing. */
export function refuseForeignPage(sent: string | undefined, allowed: string | undefined): void {
  if (sent === undefined || allowed !== undefined) return
  throw new AppError('wrong_origin', `Pages of ${sent.slice(0, 200)} may not use this gateway.`, {
    remedy: 'An administrator can add the origin to allowed-origins in the configuration.',
  })
}

/** The library has CORS of its own, which is left out of its answers: see run-provider.ts. */
export function withCors(response: Response, origin: string | undefined): Response {
  response.headers.append('vary', 'Origin')
  if (origin === undefined) return response
  response.headers.set('access-control-allow-origin', origin)
  response.headers.set('access-control-expose-headers', 'www-authenticate, retry-after')
  return response
}

export function preflight(methods: string, origin: string | undefined): Response {
  const response = new Response(null, { status: 204 })
  response.headers.set('allow', `${methods}, OPTIONS`)
  if (origin !== undefined) {
    response.headers.set('access-control-allow-methods', methods)
    response.headers.set('access-control-allow-headers', HEADERS)
    response.headers.set('access-control-max-age', '3600')
  }
  return response
}
