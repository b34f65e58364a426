// For whom a link to a server is opened: who may share it, and what the client at its end can do.
import type { Era, JsonObject } from '../kernel/mcp.ts'
import { SHARED_LINK } from '../servers/catalogs.ts'
import type { LinkFor } from '../servers/link.ts'
import type { Server } from '../servers/server.ts'
import type { Call, GatewayDeps } from './gateway.ts'
import type { Session } from './sessions.ts'
import { isInteractive } from './wire-mode.ts'

export function linkFor(deps: GatewayDeps, call: Call, server: Server): LinkFor {
  const era = deps.views.catalog(server)?.era ?? null
  return affinityOf(server, era, call.session, call.principal.user.id)
}

/**
 * Session-era servers keep state per session, so a session of ours gets one of theirs. A program on stdio is shared
 * unless the client can be asked questions: on a shared pipe nobody could say whom a question is for.
 */
export function affinityOf(
  server: Server,
  serverEra: Era | null,
  session: Session | null,
  userId: string,
): LinkFor {
  if (server.spec.kind === 'builtin' || serverEra === 'stateless') return SHARED_LINK
  if (server.spec.kind === 'stdio') {
    return session && isInteractive(session.capabilities) ? ofSession(session) : SHARED_LINK
  }
  return session ? ofSession(session) : { ...SHARED_LINK, affinity: `user:${userId}` }
}

/** Whether others use the same link: what a server keeps per connection is then everybody's. */
export const isShared = (deps: GatewayDeps, call: Call, server: Server): boolean =>
  linkFor(deps, call, server) === SHARED_LINK

/** One object per session: the pool computes its key once. */
const bySession = new WeakMap<Session, LinkFor>()

function ofSession(session: Session): LinkFor {
  let link = bySession.get(session)
  if (!link) {
    link = {
      affinity: sessionAffinity(session),
      clientInfo: SHARED_LINK.clientInfo,
      capabilities: clientCapabilities(session.capabilities),
    }
    bySession.set(session, link)
  }
  return link
}

export const sessionAffinity = (session: Session) => `session:${session.idHash}`

/** Only what the protocol defines travels on; experimental members are the client's own affair with us. */
export function clientCapabilities(declared: JsonObject): JsonObject {
  const { sampling, elicitation, roots } = declared
  return Object.fromEntries(
    Object.entries({ sampling, elicitation, roots }).filter(([, value]) => value !== undefined),
  )
}
