// /healthz: the process lives. /readyz: it can do its work, or says what it lacks.
import { Hono } from 'hono'
import { messageOf } from '../kernel/app-error.ts'
import { type Clock, seconds } from '../kernel/time.ts'

/** Answered whatever else is refused. */
export const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz'])

/** Whoever asks does not wait for long either. */
const PATIENCE_MS = seconds(2)

/** `readiness` throws what is lacking; taking too long is lacking something too. */
export function healthRoutes(readiness: () => Promise<unknown>, clock: Clock): Hono {
  const inTime = () =>
    new Promise<void>((ready, lacking) => {
      const late = clock.after(PATIENCE_MS, () =>
        lacking(new Error('The store does not answer in time.')),
      )
      readiness()
        .then(() => ready(), lacking)
        .finally(() => late.cancel())
    })
  const app = new Hono()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    try {
      await inTime()
      return c.json({ status: 'ready' })
    } catch (error) {
      return c.json({ status: 'not ready', reason: messageOf(error) }, 503)
    }
  })
  return app
}
