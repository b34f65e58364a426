// The only place where rooms are wired together, with the parts in compose/. One gateway per data store: listening, the
// endpoints, the pages, the control socket and the timers.
import { Hono } from 'hono'
import { createAdminApp } from './admin/app.ts'
import { createControlServer } from './admin/control-server.ts'
import { createAuthServer } from './authserver/authserver.ts'
import { noticesOf } from './catalog/notices.ts'
import { addDemo } from './compose/demo.ts'
import { checkpointFile, openFoundation, publicUrlOf } from './compose/foundation.ts'
import { composeGateway } from './compose/gateway.ts'
import { ownOrigin, pagesDeps } from './compose/pages.ts'
import { startSettling } from './compose/settle.ts'
import { adminVerbs, logSigner, type VerbDeps } from './compose/verbs.ts'
import type { Provenance } from './config/load.ts'
import type { Settings } from './config/settings.ts'
import { gatewaySecret } from './credentials/gateway-secrets.ts'
import { describeScopes } from './gateway/describe-scopes.ts'
import { handleEndpoint } from './gateway/endpoint.ts'
import { ENDPOINTS, endpointOf } from './gateway/endpoint-path.ts'
import { GATEWAY_INFO } from './gateway/hello.ts'
import { clientAddress } from './http/client-address.ts'
import { connectionsWithin, openFilesLimit } from './http/descriptors.ts'
import { healthRoutes } from './http/health.ts'
import { createHosts } from './http/hosts.ts'
import { securityHeaders } from './http/security-headers.ts'
import { createHttpServer, type HonoEnv, originOf } from './http/server.ts'
import { wrongPath } from './http/wrong-path.ts'
import { AppError } from './kernel/app-error.ts'
import { problemOf } from './kernel/problem.ts'
import { createSafeFetch } from './kernel/safe-fetch.ts'
import { Secret } from './kernel/secret.ts'
import { minutes, seconds } from './kernel/time.ts'
import { change } from './logs/change.ts'
import { operator, systemActor } from './logs/event.ts'
import { createJournal } from './logs/group-commit.ts'
import { startSealer } from './logs/sealer.ts'
import { signInCookie } from './pages/cookies.ts'
import { renderMessage } from './pages/message.ts'
import { createPages } from './pages/routes.ts'
import { resolveSession } from './people/login-sessions.ts'
import { createSetupLink } from './people/setup-link.ts'
import { findUser, hasActiveAdmin } from './people/users.ts'
import { watchStalls } from './telemetry/stall-watch.ts'

export interface RunningGateway {
  /** Public origin. */
  url: string
  /** Where the first admin is made; null when there is one. */
  setupUrl: string | null
  /** How the programs of servers are kept apart, in words. */
  isolation: string
  /** What the listener answers, in Hono's notation; a method of ALL leaves the choice to the room behind. */
  routes: readonly { method: string; path: string }[]
  close(): Promise<void>
}

const GRACE_MS = seconds(10)
const SWEEP_MS = minutes(5)
/** How long adding a server waits for its tools: long enough for most, short enough for a person. */
const FOLLOW_MS = seconds(10)

export async function startGateway(
  settings: Settings,
  provenance: Provenance,
  { demo, configFile = null }: { demo: boolean; configFile?: string | null },
): Promise<RunningGateway> {
  const foundation = await openFoundation(settings, configFile === null ? [] : [configFile])
  const { core, vault } = foundation
  const { store, clock, log } = core
  const closers: (() => unknown)[] = [() => store.close()]
  const close = async () => {
    // Every step is tried: a store that cannot be written must not keep calls from ending in order.
    const failures: unknown[] = []
    for (const step of closers.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
  try {
    let listening = { host: settings.host, port: settings.port }
    const verbDeps: VerbDeps = {
      ...foundation,
      settings,
      provenance,
      port: () => listening.port,
      serving: true,
    }
    // The lock on the data folder first: a second gateway must not touch anything.
    const control = createControlServer({
      dataDir: settings.dataDir,
      fetch: createAdminApp({
        verbs: adminVerbs(verbDeps),
        by: () => operator(core.newId('req')),
        log,
      }).fetch,
    })
    await control.start()
    closers.push(() => control.stop())
    await foundation.opener.sweep()
    closers.push(watchStalls(clock, log))
    const journal = createJournal(core)
    closers.push(() => journal.flush())
    const sealer = startSealer(core, await logSigner(core, vault), checkpointFile(settings))
    closers.push(() => sealer.stop())

    let publicUrl = await publicUrlOf(core, settings, listening.port)
    const readPublicUrl = async () => {
      publicUrl = await publicUrlOf(core, settings, listening.port)
    }
    const hosts = createHosts({
      publicOrigin: () => publicUrl.url,
      listening: () => listening,
      allowedOrigins: settings.allowedOrigins,
    })
    const gateway = await composeGateway({
      verbs: verbDeps,
      journal,
      publicOrigin: () => publicUrl.url,
      originAllowed: hosts.originAllowed,
      settingsChanged: () =>
        void readPublicUrl().catch((error: unknown) =>
          log.error({ err: error }, 'cannot read the public URL'),
        ),
    })
    closers.push(() => gateway.close())
    verbDeps.statusOf = (id) =>
      gateway.catalogs.problem(id)?.message ?? gateway.pool.status(id).state

    verbDeps.noticesOf = (id) => {
      const catalog = gateway.catalogs.get(id)
      return catalog ? noticesOf(catalog) : []
    }
    verbDeps.following = async (id) => {
      await gateway.views.catchUp()
      const seen = gateway.catalogs
        .refresh(id)
        .catch((error: unknown) =>
          log.debug({ err: error, server: id }, 'a new server was not read'),
        )
      await Promise.race([seen, new Promise<void>((resolve) => clock.after(FOLLOW_MS, resolve))])
    }

    const authServer = createAuthServer({
      core,
      vault,
      journal,
      publicUrl: () => publicUrl.url,
      auth: () => settings.auth,
      endpoints: {
        resolve: resourceOf(
          () => publicUrl.url,
          (name) => gateway.views.server(name) !== null,
        ),
      },
      serverNames: () => gateway.views.servers.map((server) => server.name),
      safeFetch: createSafeFetch({
        userAgent: `Mooring/${GATEWAY_INFO.version}`,
        maxBytes: 64 * 1024,
        deadlineMs: seconds(5),
        clock,
      }),
      signedIn: (cookies, host) =>
        resolveSession(core, signInCookie(cookies, ownOrigin(host, publicUrl.url))),
      findAccount: async (id) => {
        const account = await findUser(core, { id })
        return account && account.disabledAt === null ? account : null
      },
      originOf: (c) => originOf(c.env.incoming),
      renderMessage: (_c, { status, title, text, remedy, details }) =>
        renderMessage({
          status,
          title,
          what: text,
          why: details.join('\n') || undefined,
          remedy,
          host: new URL(publicUrl.url).host,
          openedByClient: true,
        }),
      describeScopes: ({ userId, resource, scopes }) =>
        describeScopes(gateway.views, { userId, serverName: resource.serverName, scopes }),
      allowedOrigins: () => settings.allowedOrigins,
    })

    const pages = createPages(
      pagesDeps({
        verbs: verbDeps,
        views: gateway.views,
        catalogs: gateway.catalogs,
        interactions: authServer.interactions,
        formKey: new Secret(
          await gatewaySecret(core, vault, 'form-key', () => core.random(32).toString('base64url')),
        ),
        publicUrl: () => publicUrl,
      }),
    )

    const app = new Hono<HonoEnv>()
    app.use(securityHeaders(() => publicUrl.url.startsWith('https:')))
    app.route(
      '/',
      healthRoutes(() => store.ready(), clock),
    )
    app.all('/oauth/*', (c) => authServer.handle(c))
    app.all('/.well-known/*', (c) => authServer.handle(c))
    app.all('/s/:name/mcp/.well-known/*', (c) => authServer.handle(c))
    app.all('/mcp/.well-known/*', (c) => authServer.handle(c))
    app.route('/', pages as unknown as Hono<HonoEnv>)
    app.onError((error, c) => {
      // Nobody waits any more for the answer to a request that broke off.
      if (!c.req.raw.signal.aborted) log.error({ err: error }, 'a request failed')
      const failed = new AppError('internal', 'The gateway failed in an unexpected way.', {
        remedy: 'Its log has the details.',
      })
      return c.json(problemOf(failed), 500, { 'content-type': 'application/problem+json' })
    })
    app.notFound((c) => {
      const error = wrongPath(c.req.method, c.req.path, publicUrl.url)
      return c.json(problemOf(error), 404, { 'content-type': 'application/problem+json' })
    })

    const { limits } = settings
    const http = createHttpServer({
      clock,
      newId: core.newId,
      log,
      hosts,
      address: clientAddress(settings.trustedProxies),
      limits: {
        total: connectionsWithin(openFilesLimit(), limits.connections, limits.children),
        perClient: limits.connectionsPerClient,
        clientTimeoutMs: seconds(limits.clientTimeout),
      },
      app,
      endpoint: (req, res, pathname, origin) => {
        const endpoint = endpointOf(pathname)
        if (!endpoint) return false
        void handleEndpoint(gateway.deps, { req, res, endpoint, typedPath: pathname, origin })
        return true
      },
    })
    const settling = await startSettling(core, journal)
    closers.push(() => settling.stop())

    listening = await http.listen(settings.host, settings.port)
    closers.push(() => http.close(GRACE_MS))
    // Long streams end first, so that the listener can close without waiting for them.
    closers.push(() => gateway.deps.streams.closeAll())
    await readPublicUrl()

    const by = systemActor(core.newId('req'))
    await change(core, by, (unit) =>
      unit.audit({
        code: 'gateway.started',
        detail: { url: publicUrl.url, version: GATEWAY_INFO.version },
      }),
    )
    closers.push(() => change(core, by, (unit) => unit.audit({ code: 'gateway.stopped' })))
    if (demo) await addDemo(foundation, by)

    let stopped = false
    closers.push(() => {
      stopped = true
    })
    const sweep = () => {
      if (stopped) return
      void Promise.all([
        authServer.sweep(),
        gateway.deps.sessions.sweep(),
        gateway.deps.tasks.sweep(),
        settling.sweep(),
      ])
        .catch((error: unknown) => log.error({ err: error }, 'the sweep of expired rows failed'))
        .finally(() => clock.after(SWEEP_MS, sweep))
    }
    clock.after(SWEEP_MS, sweep)

    const setup = (await hasActiveAdmin(store.db)) ? null : await createSetupLink(core)
    return {
      url: publicUrl.url,
      setupUrl: setup && `${publicUrl.url}/setup?token=${setup.token}`,
      isolation: await foundation.opener.isolation(),
      routes: [...ENDPOINTS, ...app.routes.map(({ method, path }) => ({ method, path }))],
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** RFC 8707: the endpoint that a URL under our origin names; the bare origin means /mcp. */
const resourceOf = (origin: () => string, exists: (name: string) => boolean) => (url: string) => {
  if (!URL.canParse(url)) return null
  const parsed = new URL(url)
  if (
    parsed.origin !== origin() ||
    parsed.search !== '' ||
    parsed.hash !== '' ||
    parsed.username !== ''
  )
    return null
  const endpoint = endpointOf(parsed.pathname === '/' ? '/mcp' : parsed.pathname)
  if (!endpoint) return null
  if (endpoint.kind === 'all') return { path: endpoint.path, serverName: null }
  return exists(endpoint.server) ? { path: endpoint.path, serverName: endpoint.server } : null
}
