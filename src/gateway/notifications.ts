// Who hears of changes: standalone streams of sessions and `subscriptions/listen` of the stateless era.
// A listener belongs to one stream and one person; what it may see is decided when it is told.

import type { Principal } from '../grants/principal.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import type { Server } from '../servers/server.ts'
import type { Endpoint } from './endpoint-path.ts'
import { decideOn, hiddenFrom } from './resolve.ts'

export type ListKind = 'tools' | 'prompts' | 'resources'

export interface Listener {
  principal: Principal
  endpoint: Endpoint
  listChanged(kind: ListKind): void
  resourceUpdated?(uri: string, params: JsonObject): void
}

export interface Notifications {
  add(listener: Listener): () => void
  /** A server's lists were read again and differ. */
  listChanged(server: Server, kinds: readonly ListKind[]): void
  /** Servers came, went, or changed for whom they are there. */
  everythingChanged(): void
  /** `userId`: the link it came over is that person's alone. */
  resourceUpdated(server: Server, uri: string, params: JsonObject, userId?: string): void
}

export const LIST_KINDS: readonly ListKind[] = ['tools', 'prompts', 'resources']

export function createNotifications(): Notifications {
  const listeners = new Set<Listener>()
  const concerned = (server: Server) =>
    [...listeners].filter(
      ({ principal, endpoint }) =>
        !hiddenFrom(principal, server) &&
        (endpoint.kind === 'all' || endpoint.server === server.name),
    )
  return {
    add(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    listChanged(server, kinds) {
      for (const listener of concerned(server)) for (const kind of kinds) listener.listChanged(kind)
    },
    everythingChanged() {
      for (const listener of listeners) for (const kind of LIST_KINDS) listener.listChanged(kind)
    },
    resourceUpdated(server, uri, params, userId) {
      for (const listener of concerned(server)) {
        if (userId !== undefined && listener.principal.user.id !== userId) continue
        if (decideOn(listener.principal, server, null).effect !== 'forbid')
          listener.resourceUpdated?.(uri, params)
      }
    },
  }
}
