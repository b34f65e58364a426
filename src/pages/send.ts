// The answer that carries a page: its headers are the same everywhere, and only the form targets differ.
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Html } from './layout.ts'

interface PageOptions {
  /** Where a form of this page may lead besides ourselves: CSP applies form-action to the redirects that follow. */
  formTargets?: readonly string[]
  /** The page may stand in a window that a client opened and watches. */
  openedByClient?: boolean
}

/** Cookies that were set on the context go with it. */
export const page = async (
  c: Context,
  content: Html,
  options: PageOptions & { status?: number } = {},
): Promise<Response> =>
  c.body(
    String(await content),
    (options.status ?? 200) as ContentfulStatusCode,
    pageHeaders(options),
  )

export function pageHeaders({ formTargets = [], openedByClient = false }: PageOptions) {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      "style-src 'self'",
      "img-src 'self'",
      `form-action ${["'self'", ...formTargets].join(' ')}`,
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // Not `no-referrer`: with it browsers send `Origin: null` on every form, and the origin check would be blind.
    // This one gives other origins nothing either.
    'referrer-policy': 'same-origin',
    // A client may open sign-in and consent in a popup and wait for it to come back to its own callback. Any
    // isolation on the way cuts that window off for good, and the client waits for ever.
    'cross-origin-opener-policy': openedByClient ? 'unsafe-none' : 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  }
}

const HOSTED = ['https://claude.ai', 'https://claude.com']

/** CSP sources that let a form end at this redirect address. */
export function formTargetsOf(redirectUri: string): string[] {
  const url = URL.parse(redirectUri)
  if (!url) return []
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return /^[a-z][a-z0-9+.-]*:$/.test(url.protocol) ? [url.protocol] : []
  // CSP has no syntax for IPv6 addresses; the scheme is the narrowest source that matches one.
  if (url.hostname.startsWith('[')) return [url.protocol]
  // Claude answers on both names and may lead from one to the other.
  return HOSTED.includes(url.origin) ? HOSTED : [url.origin]
}

/** 303, so that a reload never posts again. */
export const goTo = (c: Context, location: string): Response =>
  c.body(null, 303, {
    location,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  })
