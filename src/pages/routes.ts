// The script-free pages as one Hono app, to be mounted at `/`: setup, sign-in, consent, connect and its small forms.
import { Hono } from 'hono'
import { assetRoutes } from './assets.ts'
import { connectRoutes } from './connect.ts'
import type { PagesDeps } from './deps.ts'
import { interactionRoutes } from './interactions.ts'
import { keyRoutes } from './keys.ts'
import { renderError } from './message.ts'
import { publicUrlRoutes } from './public-url.ts'
import { revokeRoutes } from './revoke.ts'
import { setupRoutes } from './setup.ts'
import { signInRoutes } from './sign-in.ts'

export function createPages(deps: PagesDeps): Hono {
  const app = new Hono()
  app.onError((error, c) => renderError(deps, c, error))
  assetRoutes(app)
  setupRoutes(app, deps)
  signInRoutes(app, deps)
  interactionRoutes(app, deps)
  connectRoutes(app, deps)
  keyRoutes(app, deps)
  revokeRoutes(app, deps)
  publicUrlRoutes(app, deps)
  return app
}
