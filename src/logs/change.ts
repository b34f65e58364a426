// The unit of work: a state change and its audit row are one transaction. Every verb that changes state goes through here.
import { AppError } from '../kernel/app-error.ts'
import type { NewEvent, Tx } from '../store/store.ts'
import type { ChangeTopic } from '../store/tables/state.ts'
import type { Core } from './core.ts'
import type { AuditEvent, By } from './event.ts'

export interface Unit {
  db: Tx
  /** Appends a row to the audit stream; returns its id, so that later events can name it as their parent. */
  audit(event: AuditEvent): Promise<string>
  /** Names a thing that caches of any process must forget. */
  changed(topic: ChangeTopic, ref: string): void
}

/**
 * Runs `run` in one transaction. A unit that commits without an audit row is a bug and is rolled back.
 * @throws whatever `run` throws, after the roll-back
 */
export function change<T>(
  core: Core,
  by: By,
  run: (unit: Unit) => Promise<T>,
  /** Takes rights away, so it has to be possible on a full disk; `run` may then run twice. */
  options: { urgent?: boolean } = {},
): Promise<T> {
  return core.store.transaction(async ({ db, changed }) => {
    let audited = 0
    const audit = async (event: AuditEvent) => {
      const row = auditRow(core, by, event)
      await db.insertInto('audit_events').values(row).execute()
      audited++
      return row.id
    }
    const result = await run({ db, audit, changed })
    if (audited === 0)
      throw new AppError('internal', 'A change was about to commit without an audit event.')
    return result
  }, options)
}

function auditRow(core: Core, { actor, origin }: By, event: AuditEvent): NewEvent {
  return {
    id: core.newId('evt'),
    at: core.clock.now(),
    code: event.code,
    severity: event.severity ?? 'info',
    outcome: event.outcome ?? 'ok',
    reason: event.reason ?? null,
    context_id: origin.contextId,
    connection_id: origin.connectionId ?? null,
    session_id: origin.sessionId ?? null,
    grant_id: event.grantId ?? null,
    parent_id: event.parentId ?? null,
    actor_type: actor.type,
    actor_id: actor.id,
    actor_name: actor.name,
    user_id: event.userId ?? (actor.type === 'user' ? actor.id : null),
    client_id: event.clientId ?? null,
    client_name: event.clientName ?? null,
    ip: origin.ip ?? null,
    user_agent: origin.userAgent ?? null,
    server_id: event.serverId ?? null,
    server_name: event.serverName ?? null,
    target_type: event.target?.type ?? null,
    target_id: event.target?.id ?? null,
    target_name: event.target?.name ?? null,
    detail: event.detail ? JSON.stringify(event.detail) : null,
  }
}
