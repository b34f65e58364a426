// The admin API (/api/v1): parses, calls a verb, presents the answer. It holds no logic of its own.
import { type Context, Hono } from 'hono'
import { AppError } from '../kernel/app-error.ts'
import type { By } from '../logs/event.ts'
import type { Logger } from '../telemetry/logger.ts'
import { clientRoutes } from './clients.ts'
import { grantRoutes } from './grants.ts'
import { keyRoutes } from './keys.ts'
import { logRoutes } from './logs.ts'
import { asAppError, problemResponse } from './problem.ts'
import { serverRoutes } from './servers.ts'
import { settingRoutes } from './settings.ts'
import { userRoutes } from './users.ts'
import type { AdminVerbs } from './verbs.ts'

/** Who makes a request; the door in front of the app has checked it. @throws AppError when nobody may */
export type WhoAsks = (c: Context) => By

export interface AdminDeps {
  verbs: AdminVerbs
  by: WhoAsks
  log: Logger
}

export function createAdminApp({ verbs, by, log }: AdminDeps): Hono {
  const app = new Hono().basePath('/api/v1')
  app.get('/status', async (c) => c.json(await verbs.status()))
  app.route('/users', userRoutes(verbs.users, by))
  app.route('/keys', keyRoutes(verbs.keys, by))
  app.route('/grants', grantRoutes(verbs.grants, by))
  app.route('/clients', clientRoutes(verbs.clients, by))
  app.route('/servers', serverRoutes(verbs.servers, by))
  app.route('/settings', settingRoutes(verbs.settings, by))
  app.route('/', logRoutes(verbs.logs))

  const root = new Hono()
  root.route('/', app)
  root.notFound((c) =>
    problemResponse(
      new AppError('wrong_path', `Nothing answers ${c.req.method} ${c.req.path}.`, {
        remedy: 'The admin API is below /api/v1; this may be a gateway of another version.',
      }),
    ),
  )
  root.onError((thrown, c) => {
    const reference = by(c).origin.contextId
    const error = asAppError(thrown, reference)
    if (error.code === 'internal')
      log.error({ err: thrown, request: reference, path: c.req.path }, 'admin request failed')
    return problemResponse(error)
  })
  return root
}
