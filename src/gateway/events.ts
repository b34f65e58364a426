// The workload rows of one call: intent before it is sent, outcome after it ended; and refusals in the auth stream.
import { jsonDigest } from '../kernel/digest.ts'
import type { NewEvent } from '../store/store.ts'
import type { Outcome } from '../store/tables/events.ts'
import type { Call, GatewayDeps } from './gateway.ts'
import type { Target } from './resolve.ts'

export interface CallRecord {
  callId: string
  startedAt: number
  intent: NewEvent
}

export function intentOf({ core }: GatewayDeps, call: Call, target: Target): CallRecord {
  const callId = core.newId('cll')
  const args = call.message.params.arguments
  return {
    callId,
    startedAt: core.clock.monotonic(),
    intent: {
      ...whoAndWhere(core, call),
      code: 'mcp.request',
      severity: 'info',
      call_id: callId,
      phase: 'intent',
      server_id: target.server.id,
      server_name: target.server.name,
      method: call.message.method,
      tool: target.name,
      bytes_in: call.message.bytes.length,
      args_digest: args === undefined ? null : jsonDigest(args),
    },
  }
}

export interface CallOutcome {
  outcome: Outcome
  reason?: string
  bytesOut: number
}

export function outcomeOf(
  { core }: GatewayDeps,
  record: CallRecord,
  { outcome, reason, bytesOut }: CallOutcome,
): NewEvent {
  return {
    id: core.newId('evt'),
    at: core.clock.now(),
    code: 'mcp.response',
    severity: outcome === 'ok' || outcome === 'cancelled' ? 'info' : 'warn',
    outcome,
    reason: reason ?? null,
    call_id: record.callId,
    phase: 'outcome',
    parent_id: record.intent.id,
    context_id: record.intent.context_id ?? null,
    actor_type: record.intent.actor_type ?? null,
    actor_id: record.intent.actor_id ?? null,
    actor_name: record.intent.actor_name ?? null,
    user_id: record.intent.user_id ?? null,
    client_id: record.intent.client_id ?? null,
    grant_id: record.intent.grant_id ?? null,
    server_id: record.intent.server_id ?? null,
    server_name: record.intent.server_name ?? null,
    method: record.intent.method ?? null,
    tool: record.intent.tool ?? null,
    duration_us: Math.round((core.clock.monotonic() - record.startedAt) * 1000),
    bytes_out: bytesOut,
  }
}

/** A call that was refused, or failed before anything left: nothing reached a server. */
export function refusalOf(
  { core }: GatewayDeps,
  call: Call,
  target: Target | null,
  reason: string,
  outcome: Outcome = 'refused',
): NewEvent {
  return {
    ...whoAndWhere(core, call),
    code: outcome === 'refused' ? 'call.refused' : 'call.failed',
    severity: 'warn',
    outcome,
    reason,
    server_id: target?.server.id ?? null,
    server_name: target?.server.name ?? null,
    method: call.message.method,
    tool: target?.name ?? nameAsked(call),
    detail: target
      ? JSON.stringify({ rule: target.decision.rule, effect: target.decision.effect })
      : null,
  }
}

function nameAsked(call: Call): string | null {
  const { name, uri } = call.message.params
  const asked = typeof name === 'string' ? name : typeof uri === 'string' ? uri : null
  return asked === null ? null : asked.slice(0, 256)
}

function whoAndWhere(core: GatewayDeps['core'], { principal, origin, era, session }: Call) {
  return {
    id: core.newId('evt'),
    at: core.clock.now(),
    context_id: origin.contextId,
    connection_id: origin.connectionId ?? null,
    session_id: session?.idHash ?? null,
    grant_id: principal.id,
    parent_id: principal.eventId,
    actor_type: principal.kind === 'key' ? ('key' as const) : ('client' as const),
    actor_id: principal.client?.id ?? principal.id,
    actor_name: principal.client?.name ?? `API key of ${principal.user.login}`,
    user_id: principal.user.id,
    client_id: principal.client?.id ?? null,
    client_name: principal.client?.name ?? null,
    ip: origin.ip ?? null,
    user_agent: origin.userAgent ?? null,
    era,
  }
}
