// /api/v1/servers. Secrets come in and never go out.
import { Hono } from 'hono'
import { z } from 'zod'
import type { ServerSecret } from '../servers/server.ts'
import { specSchema } from '../servers/server-input.ts'
import type { WhoAsks } from './app.ts'
import { body, permit, secret } from './parse.ts'
import { present } from './present.ts'
import type { AdminVerbs } from './verbs.ts'

const serverSecret = z.strictObject({
  headers: z.record(z.string(), secret).exactOptional(),
  env: z.record(z.string(), secret).exactOptional(),
}) satisfies z.ZodType<ServerSecret>

const people = z.array(z.string()).nullable()
const trial = z.strictObject({
  name: z.string().exactOptional(),
  spec: specSchema,
  secret: serverSecret.exactOptional(),
})
const newServer = z.strictObject({
  name: z.string(),
  spec: specSchema,
  secret: serverSecret.exactOptional(),
  permit: permit.exactOptional(),
  people: people.exactOptional(),
})
const update = z.strictObject({
  permit: permit.exactOptional(),
  people: people.exactOptional(),
})

export function serverRoutes(servers: AdminVerbs['servers'], by: WhoAsks): Hono {
  const app = new Hono()
  app.get('/', async (c) => c.json({ servers: present(await servers.list()) }))
  app.post('/', async (c) =>
    c.json({ server: present(await servers.add(by(c), await body(c, newServer))) }, 201),
  )
  app.post('/test', async (c) => c.json(present(await servers.test(await body(c, trial)))))
  app.post('/:name/test', async (c) =>
    c.json(present(await servers.testStored(c.req.param('name')))),
  )
  app.patch('/:name', async (c) => {
    const server = await servers.update(by(c), c.req.param('name'), await body(c, update))
    return c.json({ server: present(server) })
  })
  app.delete('/:name', async (c) => {
    await servers.remove(by(c), c.req.param('name'))
    return c.json({ name: c.req.param('name'), removed: true })
  })
  return app
}
