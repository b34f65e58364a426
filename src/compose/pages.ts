// The pages with the verbs of the other rooms behind them.
import { previewPublicUrl, setPublicUrl } from '../admin/public-url.ts'
import { noticesOf } from '../catalog/notices.ts'
import type { Views } from '../gateway/views.ts'
import { createKey, listKeys, revokeKey } from '../grants/api-keys.ts'
import { listGrants, revokeGrant } from '../grants/grants.ts'
import type { Interactions } from '../grants/pending-authorization.ts'
import { originOf } from '../http/server.ts'
import type { Secret } from '../kernel/secret.ts'
import type { PagesDeps } from '../pages/deps.ts'
import { createFormOnce } from '../pages/form-once.ts'
import { endSession, resolveSession } from '../people/login-sessions.ts'
import { checkSetupLink, useSetupLink } from '../people/setup-link.ts'
import { createSignIn } from '../people/sign-in.ts'
import type { Catalogs } from '../servers/catalogs.ts'
import type { Server } from '../servers/server.ts'
import { addDemo } from './demo.ts'
import { localUrl } from './foundation.ts'
import { refuseWhenFixed, type VerbDeps } from './verbs.ts'

export interface PageParts {
  verbs: VerbDeps
  views: Views
  catalogs: Catalogs
  interactions: Interactions
  formKey: Secret
  publicUrl(): { url: string; stored: boolean }
}

export function pagesDeps({
  verbs,
  views,
  catalogs,
  interactions,
  formKey,
  publicUrl,
}: PageParts): PagesDeps {
  const { core, settings, provenance } = verbs
  const signIn = createSignIn(core)
  return {
    clock: core.clock,
    random: core.random,
    log: core.log,
    formKey,
    ownOrigin: (c) => ownOrigin(c.req.header('host'), publicUrl().url),
    requestOrigin: (c) => originOf(c.env.incoming),
    spend: createFormOnce(core),
    interactions,
    people: {
      signIn: (origin, credentials) => signIn.signIn(origin, credentials),
      resolveSession: (cookie) => resolveSession(core, cookie),
      endSession: (by, cookie) => endSession(core, by, cookie),
      checkSetupLink: (token) => checkSetupLink(core, token),
      useSetupLink: (origin, input) => useSetupLink(core, origin, input),
    },
    keys: {
      list: async (userId) =>
        (await listKeys(core, { userId })).filter((key) => key.revokedAt === null),
      create: (by, input) => createKey(core, by, input),
      revoke: (by, id) => revokeKey(core, by, id),
    },
    grants: {
      list: (userId) => listGrants(core, { userId }),
      revoke: (by, id, reason) => revokeGrant(core, by, id, reason),
    },
    servers: {
      list: async (user) => {
        await views.fresh()
        return views.servers
          .filter(
            (server) =>
              user.role === 'admin' || server.people === null || server.people.has(user.id),
          )
          .map((server) => serverView(server, catalogs, user.role === 'admin'))
      },
      addDemo: (by) => addDemo(verbs, by),
    },
    publicUrl: {
      current: () => {
        const { url, stored } = publicUrl()
        return { url, source: stored ? 'setting' : (provenance['public-url'] ?? 'default') }
      },
      preview: async (url) => {
        const { publicUrl: parsed, endsGrants } = await previewPublicUrl(
          core,
          url,
          localUrl(settings, verbs.port()),
        )
        return { url: parsed ?? localUrl(settings, verbs.port()), grantsEnding: endsGrants }
      },
      set: async (by, url) => {
        refuseWhenFixed(provenance)
        const fallback = localUrl(settings, verbs.port())
        const { endsGrants } = await previewPublicUrl(core, url, fallback)
        return setPublicUrl(core, by, { publicUrl: url, fallback, endsGrants })
      },
    },
  }
}

/** The public URL, or a loopback name that was typed instead: the door has accepted the Host already. */
export function ownOrigin(typed: string | undefined, publicUrl: string): string {
  const host = typed?.toLowerCase()
  return host === undefined || new URL(publicUrl).host === host ? publicUrl : `http://${host}`
}

function serverView(server: Server, catalogs: Catalogs, forAdmin: boolean) {
  const catalog = catalogs.get(server.id)
  const tools = catalog?.tools
  const problem = catalogs.problem(server.id)
  const hidden = tools ? [...tools.values()].filter((tool) => tool.hidden !== null).length : 0
  return {
    name: server.name,
    kind: server.spec.kind,
    where: whereOf(server),
    permit: server.permit,
    tools: tools ? { found: tools.size - hidden, hidden } : null,
    error: problem ? { message: problem.message } : null,
    warnings: forAdmin && catalog ? noticesOf(catalog) : [],
  }
}

function whereOf({ spec }: Server): string {
  switch (spec.kind) {
    case 'stdio':
      return [spec.command, ...spec.args].join(' ')
    case 'builtin':
      return 'part of Mooring'
    default:
      return spec.url
  }
}
