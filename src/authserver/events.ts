// Rows of the auth stream: who asked for what, what was decided, what was issued, and why a request was refused.
import type { Core } from '../logs/core.ts'
import type { NewEvent } from '../store/store.ts'
import type { Outcome, Severity } from '../store/tables/events.ts'
import { actorOf, type OidcUnit } from './unit-of-work.ts'

export interface AuthEvent {
  code:
    | 'auth.authorization_requested'
    | 'auth.authorization_refused'
    | 'auth.consent_allowed'
    | 'auth.consent_cancelled'
    | 'auth.code_issued'
    | 'auth.code_reuse'
    | 'auth.token_issued'
    | 'auth.token_refreshed'
    | 'auth.token_revoked'
    | 'auth.refresh_retried'
    | 'auth.refresh_reuse'
    | 'auth.request_refused'
    | 'auth.failed'
  severity?: Severity
  outcome?: Outcome
  reason?: string
  grantId?: string
  parentId?: string
  userId?: string
  clientId?: string
  clientName?: string
  detail?: Record<string, unknown>
}

export function eventRow(core: Core, unit: OidcUnit, event: AuthEvent): NewEvent {
  const { origin, signedIn } = unit.facts
  const actor = actorOf(unit)
  return {
    id: core.newId('evt'),
    at: unit.now,
    code: event.code,
    severity: event.severity ?? 'info',
    outcome: event.outcome ?? 'ok',
    reason: event.reason ?? null,
    context_id: origin.contextId,
    connection_id: origin.connectionId ?? null,
    session_id: signedIn?.sessionHash ?? origin.sessionId ?? null,
    grant_id: event.grantId ?? null,
    parent_id: event.parentId ?? null,
    actor_type: actor.type,
    actor_id: actor.id,
    actor_name: actor.name,
    user_id: event.userId ?? signedIn?.account.id ?? null,
    client_id: event.clientId ?? unit.client?.id ?? null,
    client_name: event.clientName ?? unit.client?.name ?? null,
    ip: origin.ip ?? null,
    user_agent: origin.userAgent ?? null,
    detail: event.detail ? JSON.stringify(event.detail) : null,
  }
}
