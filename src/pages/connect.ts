// /: the connect page, and its one button that needs no page of its own: the demo server.
import type { Hono } from 'hono'
import { connectPage } from './connect-page.ts'
import type { PagesDeps } from './deps.ts'
import { formOfSession, issueToken, readForm, takeToken } from './forms.ts'
import { hostOf } from './message.ts'
import { goTo, page } from './send.ts'
import { byOf, forAdmin, forSignedIn } from './who.ts'

export function connectRoutes(app: Hono, deps: PagesDeps): void {
  app.get(
    '/',
    forSignedIn(deps, async (c, session) => {
      const { account } = session
      const [servers, connections, keys] = await Promise.all([
        deps.servers.list(account),
        deps.grants.list(account.id),
        deps.keys.list(account.id),
      ])
      const watch = c.req.query('watch')
      return page(
        c,
        connectPage({
          host: hostOf(deps, c),
          now: deps.clock.now(),
          session,
          signOutToken: issueToken(deps, formOfSession('logout', session)),
          demoToken: issueToken(deps, formOfSession('demo', session)),
          publicUrl: deps.publicUrl.current(),
          servers,
          connections: stillGood(connections, deps.clock.now()),
          keys: stillGood(keys, deps.clock.now()),
          watch: watch === 'on' || watch === 'off' ? watch : undefined,
        }),
      )
    }),
  )

  app.post(
    '/servers/demo',
    forAdmin(deps, async (c, session) => {
      await takeToken(deps, formOfSession('demo', session), await readForm(deps, c))
      await deps.servers.addDemo(byOf(deps, c, session))
      return goTo(c, '/')
    }),
  )
}

const stillGood = <T extends { expiresAt: number | null; revokedAt: number | null }>(
  credentials: readonly T[],
  now: number,
) => credentials.filter((c) => c.revokedAt === null && (c.expiresAt === null || c.expiresAt > now))
