// Headers for every answer that a browser may show.
import type { MiddlewareHandler } from 'hono'

export const securityHeaders =
  (isHttps: () => boolean): MiddlewareHandler =>
  async (c, next) => {
    await next()
    c.header('x-content-type-options', 'nosniff')
    if (!c.res.headers.has('referrer-policy')) c.header('referrer-policy', 'no-referrer')
    if (isHttps()) c.header('strict-transport-security', 'max-age=31536000')
  }
