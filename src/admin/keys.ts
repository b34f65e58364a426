// /api/v1/keys. The one answer in which a key can be read is that to its creation.
import { Hono } from 'hono'
import { z } from 'zod'
import type { WhoAsks } from './app.ts'
import { body, query } from './parse.ts'
import { iso, present } from './present.ts'
import type { AdminVerbs } from './verbs.ts'

const newKey = z.strictObject({
  userLogin: z.string(),
  name: z.string(),
  ttlMs: z.int().nullable().optional(),
  scopes: z.array(z.string()).optional(),
  resource: z.string().nullable().optional(),
})
const filter = z.strictObject({ userId: z.string().exactOptional() })

export function keyRoutes(keys: AdminVerbs['keys'], by: WhoAsks): Hono {
  const app = new Hono()
  app.get('/', async (c) => c.json({ keys: present(await keys.list(query(c, filter))) }))
  app.post('/', async (c) => {
    const { id, key, expiresAt } = await keys.create(by(c), await body(c, newKey))
    return c.json({ id, key: key.reveal(), expiresAt: iso(expiresAt) }, 201)
  })
  app.post('/:id/revoke', async (c) => {
    await keys.revoke(by(c), c.req.param('id'))
    return c.json({ id: c.req.param('id'), revoked: true })
  })
  return app
}
