// /api/v1/users
import { Hono } from 'hono'
import { z } from 'zod'
import type { WhoAsks } from './app.ts'
import { body, secret } from './parse.ts'
import { present } from './present.ts'
import type { AdminVerbs } from './verbs.ts'

const newUser = z.strictObject({
  login: z.string(),
  name: z.string().optional(),
  role: z.enum(['admin', 'auditor', 'member']),
  password: secret.optional(),
})
const newPassword = z.strictObject({ password: secret })

export function userRoutes(users: AdminVerbs['users'], by: WhoAsks): Hono {
  const app = new Hono()
  app.get('/', async (c) => c.json({ users: present(await users.list()) }))
  app.post('/', async (c) =>
    c.json({ user: present(await users.create(by(c), await body(c, newUser))) }, 201),
  )
  app.post('/setup-link', async (c) => c.json(present(await users.setupLink()) as object, 201))
  app.post('/:login/disable', async (c) =>
    c.json({ user: present(await users.disable(by(c), c.req.param('login'))) }),
  )
  app.post('/:login/enable', async (c) =>
    c.json({ user: present(await users.enable(by(c), c.req.param('login'))) }),
  )
  app.put('/:login/password', async (c) => {
    const { password } = await body(c, newPassword)
    await users.setPassword(by(c), { login: c.req.param('login'), password })
    return c.json({ login: c.req.param('login') })
  })
  return app
}
