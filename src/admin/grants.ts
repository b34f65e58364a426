// /api/v1/grants
import { Hono } from 'hono'
import { z } from 'zod'
import type { WhoAsks } from './app.ts'
import { body, query } from './parse.ts'
import { present } from './present.ts'
import type { AdminVerbs } from './verbs.ts'

const filter = z
  .strictObject({
    userId: z.string().exactOptional(),
    clientId: z.string().exactOptional(),
    revoked: z.enum(['true', 'false']).exactOptional(),
  })
  .transform(({ revoked, ...rest }) => ({ ...rest, includeRevoked: revoked === 'true' }))
const revocation = z.strictObject({ reason: z.string().max(500).default('revoked by an operator') })

export function grantRoutes(grants: AdminVerbs['grants'], by: WhoAsks): Hono {
  const app = new Hono()
  app.get('/', async (c) => c.json({ grants: present(await grants.list(query(c, filter))) }))
  app.post('/:id/revoke', async (c) => {
    const { reason } = await body(c, revocation)
    await grants.revoke(by(c), c.req.param('id'), reason)
    return c.json({ id: c.req.param('id'), revoked: true })
  })
  return app
}
