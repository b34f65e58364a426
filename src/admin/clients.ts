// /api/v1/clients. Ids may be URLs (metadata documents), so they travel in the query, not in the path.
import { Hono } from 'hono'
import { z } from 'zod'
import type { WhoAsks } from './app.ts'
import { body, query } from './parse.ts'
import { present } from './present.ts'
import type { AdminVerbs } from './verbs.ts'

const named = z.strictObject({ id: z.string().min(1) })
const newClient = z.strictObject({
  name: z.string().min(1).max(200),
  redirectUris: z.array(z.string()).min(1).max(20),
  scopes: z.array(z.string()).optional(),
})

export function clientRoutes(clients: AdminVerbs['clients'], by: WhoAsks): Hono {
  const app = new Hono()
  app.get('/', async (c) => c.json({ clients: present(await clients.list()) }))
  app.get('/one', async (c) => c.json({ client: present(await clients.show(query(c, named).id)) }))
  app.post('/', async (c) => {
    const { id, secret } = await clients.add(by(c), await body(c, newClient))
    return c.json({ id, secret: secret?.reveal() ?? null }, 201)
  })
  app.post('/revoke', async (c) => {
    const { id } = await body(c, named)
    await clients.revoke(by(c), id)
    return c.json({ id, revoked: true })
  })
  app.post('/trust', async (c) => {
    const { id } = await body(c, named)
    await clients.trust(by(c), id)
    return c.json({ id, trusted: true })
  })
  return app
}
