// /api/v1/logs/:stream and /api/v1/audit/verify
import { Hono } from 'hono'
import { z } from 'zod'
import type { StoredEvent } from '../store/store.ts'
import { query } from './parse.ts'
import { present } from './present.ts'
import type { AdminVerbs } from './verbs.ts'

const number = z.string().regex(/^\d+$/).transform(Number)
const filter = z.strictObject({
  sinceMs: number.exactOptional(),
  search: z.string().max(200).exactOptional(),
  limit: number.pipe(z.int().min(1).max(1000)).exactOptional(),
  beforeSeq: number.exactOptional(),
})

export function logRoutes(logs: AdminVerbs['logs']): Hono {
  const app = new Hono()
  for (const stream of ['audit', 'auth', 'workload'] as const) {
    app.get(`/logs/${stream}`, async (c) => {
      const events = await logs.list({ stream, ...query(c, filter) })
      return c.json({ events: events.map(shown) })
    })
  }
  app.post('/audit/verify', async (c) => c.json(present(await logs.verify())))
  return app
}

/** `detail` is JSON in the row; whoever reads JSON wants it as such. */
const shown = (event: StoredEvent) => ({
  ...(present(event) as object),
  detail: event.detail === null ? null : (JSON.parse(event.detail) as unknown),
})
