// The gateway with its views, links and catalogues: what /mcp and /s/NAME/mcp need.

import { unchanged } from '../gateway/another-link.ts'
import { endpointOf } from '../gateway/endpoint-path.ts'
import type { GatewayDeps } from '../gateway/gateway.ts'
import { createHeartbeats } from '../gateway/heartbeats.ts'
import { sessionAffinity } from '../gateway/link-for.ts'
import { createLists } from '../gateway/lists.ts'
import { createNotifications } from '../gateway/notifications.ts'
import { createRefusals } from '../gateway/refusals.ts'
import { createNewsRelay } from '../gateway/relay-news.ts'
import { createSessions } from '../gateway/sessions.ts'
import { createStreams } from '../gateway/streams.ts'
import { createTasks } from '../gateway/tasks.ts'
import { createViews, type Views } from '../gateway/views.ts'
import { createAuthenticator } from '../grants/authenticate.ts'
import { createUsage, type Usage } from '../grants/usage.ts'
import { createMemory } from '../kernel/memory.ts'
import { seconds } from '../kernel/time.ts'
import type { GroupCommit } from '../logs/group-commit.ts'
import { type Catalogs, createCatalogs } from '../servers/catalogs.ts'
import { createPool, type Pool } from '../servers/pool.ts'
import type { Server } from '../servers/server.ts'
import { listServers, loadServers, serverSecret } from '../servers/servers.ts'
import type { Change } from '../store/store.ts'
import type { VerbDeps } from './verbs.ts'

export interface GatewayParts {
  deps: GatewayDeps
  views: Views
  catalogs: Catalogs
  pool: Pool
  usage: Usage
  close(): Promise<void>
}

export interface GatewayInput {
  verbs: VerbDeps
  journal: GroupCommit
  publicOrigin(): string
  originAllowed(origin: string): boolean
  /** A change of settings by whatever process. */
  settingsChanged(): void
}

export async function composeGateway({
  verbs,
  journal,
  publicOrigin,
  originAllowed,
  settingsChanged,
}: GatewayInput): Promise<GatewayParts> {
  const { core, vault, opener, settings } = verbs
  const pool = createPool({
    clock: core.clock,
    log: core.log,
    opener,
    secretOf: (server) => serverSecret(core, vault, server),
    checkUnchanged: (server) => unchanged(views, server),
    children: settings.limits.children,
  })
  const catalogs = createCatalogs(core, pool, settings.limits.toolName)
  const streams = createStreams(settings.limits.streamsPerUser)
  const answers = createStreams()
  const notifications = createNotifications()
  const { sessionIdle, sessionsPerClient } = settings.limits
  const sessions = createSessions(
    core,
    { idleMs: seconds(sessionIdle), perOwner: sessionsPerClient },
    (session) => {
      session.stream?.end()
      void pool.dropUse(sessionAffinity(session))
    },
  )
  const authenticator = createAuthenticator(core, {
    endpointOf: (url) => {
      if (!URL.canParse(url)) return null
      const { origin, pathname } = new URL(url)
      return origin === publicOrigin()
        ? (endpointOf(pathname === '/' ? '/mcp' : pathname)?.path ?? null)
        : null
    },
  })
  const usage = createUsage(core)
  const refusals = createRefusals(core, journal)

  /** Copies of rows are dropped here, and only here. */
  function forget(changes: readonly Change[] | null, servers: readonly Server[]) {
    authenticator.forget(changes)
    if (changes === null) {
      catalogs.follow(servers)
      streams.closeAll()
      answers.closeAll()
      sessions.forget(null)
      return
    }
    let serversChanged = false
    for (const { topic, ref } of changes) {
      if (topic === 'grant' || topic === 'key' || topic === 'user') {
        streams.closeOf(ref)
        answers.closeOf(ref)
      } else if (topic === 'server') {
        serversChanged = true
        void pool.drop(ref)
      } else if (topic === 'session') sessions.forget(ref)
      else if (topic === 'catalog') {
        catalogs
          .reload(ref)
          .catch((error: unknown) =>
            core.log.error({ err: error, server: ref }, 'a catalogue could not be read again'),
          )
      } else if (topic === 'setting') settingsChanged()
    }
    if (serversChanged) {
      catalogs.follow(servers)
      notifications.everythingChanged()
    }
  }

  // Once, at the start: a secret that no longer opens is reported before its first call.
  await loadServers(core, vault)
  const views = await createViews(core, {
    loadServers: () => listServers(core),
    catalogOf: (id) => catalogs.get(id),
    forget,
  })
  await catalogs.start(views.servers)
  catalogs.onChange((server, lists) => {
    views.catalogChanged()
    notifications.listChanged(server, lists)
  })
  pool.onNotification(createNewsRelay({ sessions, notifications }))

  const deps: GatewayDeps = {
    core,
    journal,
    views,
    pool,
    sessions,
    tasks: createTasks(core),
    streams,
    heartbeats: createHeartbeats(core.clock),
    memory: createMemory(),
    answers,
    notifications,
    lists: createLists(views),
    authenticate: (credentials, path) => authenticator.authenticate(credentials, path),
    refusals,
    used: (principal, ip) => usage.used(principal, ip),
    publicOrigin,
    originAllowed,
    limits: {
      requestBytes: settings.limits.requestBytes,
      callTimeoutMs: seconds(settings.limits.callTimeout),
    },
  }
  return {
    deps,
    views,
    catalogs,
    pool,
    usage,
    close: async () => {
      refusals.close()
      streams.closeAll()
      views.close()
      await catalogs.close()
      await pool.close()
      await opener.close()
      await usage.flush()
    },
  }
}
