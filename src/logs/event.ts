// Who did something and from where: carried from the door to the log row.
import type { ActorType, Outcome, Severity } from '../store/tables/events.ts'

export interface Actor {
  type: ActorType
  id: string
  name: string
}

/** The request a change or call came in with. */
export interface Origin {
  contextId: string
  connectionId?: string
  sessionId?: string
  ip?: string
  userAgent?: string
}

export interface By {
  actor: Actor
  origin: Origin
}

/** The command line acting on the data folder: whoever can write there is its operator. */
export const operator = (contextId: string): By => ({
  actor: { type: 'operator', id: 'operator', name: 'command line' },
  origin: { contextId },
})

export const systemActor = (contextId: string, name = 'mooring'): By => ({
  actor: { type: 'system', id: 'system', name },
  origin: { contextId },
})

/** One row of the audit stream, without what the unit of work fills in. */
export interface AuditEvent {
  code: string
  target?: { type: string; id: string; name: string }
  severity?: Severity
  outcome?: Outcome
  reason?: string
  parentId?: string
  grantId?: string
  userId?: string
  clientId?: string
  clientName?: string
  serverId?: string
  serverName?: string
  /** Before and after, or whatever explains the change; secrets never. */
  detail?: Record<string, unknown>
}
