// /healthz: the process lives. /readyz: it can do its work, or says what it lacks.
import { Hono } from 'hono'
import { messageOf } from '../kernel/app-error.ts'

/** Answered whatever else is refused. */
export const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz'])

export function healthRoutes(readiness: () => Promise<unknown>): Hono {
  const app = new Hono()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    try {
      await readiness()
      return c.json({ status: 'ready' })
    } catch (error) {
      return c.json({ status: 'not ready', reason: messageOf(error) }, 503)
    }
  })
  return app
}
