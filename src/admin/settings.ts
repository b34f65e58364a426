// /api/v1/settings: what is in force and where it came from; the public URL with a preview of what changing it ends.
import { Hono } from 'hono'
import { z } from 'zod'
import type { WhoAsks } from './app.ts'
import { body } from './parse.ts'
import type { AdminVerbs } from './verbs.ts'

const wanted = z.strictObject({ publicUrl: z.string().nullable() })
const confirmed = wanted.extend({ endsGrants: z.int().min(0) })

export function settingRoutes(settings: AdminVerbs['settings'], by: WhoAsks): Hono {
  const app = new Hono()
  app.get('/', async (c) => c.json(await settings.show()))
  app.post('/public-url/preview', async (c) => {
    const { publicUrl } = await body(c, wanted)
    return c.json(await settings.preview(publicUrl))
  })
  app.put('/public-url', async (c) => {
    const { publicUrl, endsGrants } = await body(c, confirmed)
    return c.json(await settings.setPublicUrl(by(c), publicUrl, endsGrants))
  })
  return app
}
