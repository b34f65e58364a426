// What servers say outside any call, on its way to the clients it concerns.
import type { JsonObject } from '../kernel/mcp.ts'
import type { LinkFor, RpcNotification } from '../servers/link.ts'
import type { Server } from '../servers/server.ts'
import { heardAt } from './log-level.ts'
import type { Notifications } from './notifications.ts'
import type { Sessions } from './sessions.ts'

/** List changes are not relayed: the catalogue is read again first, and tells when it differs. */
export function createNewsRelay({
  sessions,
  notifications,
}: {
  sessions: Sessions
  notifications: Notifications
}) {
  return (server: Server, linkFor: LinkFor, notification: RpcNotification): void => {
    const { method, params } = notification
    if (/^notifications\/(tools|prompts|resources)\/list_changed$/.test(method)) return
    const owner = /^session:(.+)$/.exec(linkFor.affinity)?.[1]
    if (owner !== undefined) {
      const session = sessions.byHash(owner)
      if (session?.logLevel && !heardAt(session.logLevel, notification)) return
      const json = JSON.stringify({ jsonrpc: '2.0', method, ...(params ? { params } : {}) })
      session?.stream?.send(json)
    } else if (method === 'notifications/resources/updated' && typeof params?.uri === 'string') {
      const person = /^user:(.+)$/.exec(linkFor.affinity)?.[1]
      notifications.resourceUpdated(server, params.uri, withoutMeta(params), person)
    }
  }
}

/** `_meta` of a server's subscription means nothing to a client of ours. */
function withoutMeta({ _meta: _, ...params }: JsonObject): JsonObject {
  return params
}
