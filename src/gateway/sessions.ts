// Session-era MCP sessions of clients: a row, and the little that lives only while this process does.
// A session id authenticates nothing (2025-11-25 best practices, session hijacking): it is looked up per user.

import type { Principal } from '../grants/principal.ts'
import { AppError } from '../kernel/app-error.ts'
import { tokenHash } from '../kernel/digest.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import { days } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import type { RpcReply } from '../servers/link.ts'
import type { SseStream } from './sse.ts'

export interface Session {
  idHash: string
  userId: string
  endpointPath: string
  protocolVersion: string
  clientInfo: { name: string; version: string }
  capabilities: JsonObject
  /** Parsed calls under way, by raw id: what `notifications/cancelled` reaches. */
  calls: Map<string, AbortController>
  /** Questions put to the client and not yet answered, by raw id. */
  questions: Map<string, (reply: RpcReply) => void>
  /** The standalone GET stream, when one is open. */
  stream: SseStream | null
  /** Resources whose changes the client asked to hear of. */
  subscriptions: Set<string>
  nextQuestion: number
  seenAt: number
}

export interface Sessions {
  create(
    principal: Principal,
    endpointPath: string,
    hello: Pick<Session, 'protocolVersion' | 'clientInfo' | 'capabilities'>,
  ): Promise<string>
  /** @throws AppError session_unknown for one that ended, never was, or is another person's */
  find(id: string, principal: Principal, endpointPath: string): Session | Promise<Session>
  end(session: Session): Promise<void>
  /** Another process ended it; null when it is not known which ended: then all are read again. */
  forget(idHash: string | null): void
  /** The live session with this hash, if this process holds it. */
  byHash(idHash: string): Session | null
  /** Ends sessions that nobody has used for a day. */
  sweep(): Promise<void>
}

const KEPT_IN_MEMORY = 20_000
const TOUCH_MS = 60_000

export function createSessions(core: Core, onEnd: (session: Session) => void): Sessions {
  const memory = new Map<string, Session>()
  const { store, clock } = core

  function remember(session: Session) {
    memory.set(session.idHash, session)
    if (memory.size > KEPT_IN_MEMORY) {
      for (const [key, old] of memory) {
        if (old.stream || old.calls.size > 0) continue
        memory.delete(key)
        onEnd(old)
        break
      }
    }
    return session
  }

  const alive = (
    state: Pick<
      Session,
      'idHash' | 'userId' | 'endpointPath' | 'protocolVersion' | 'clientInfo' | 'capabilities'
    >,
  ): Session => ({
    ...state,
    calls: new Map(),
    questions: new Map(),
    stream: null,
    subscriptions: new Set(),
    nextQuestion: 1,
    seenAt: clock.now(),
  })

  const unknown = () =>
    new AppError('session_unknown', 'This MCP session does not exist or has ended.', {
      remedy: 'Send initialize again to start a new one.',
    })

  function check(session: Session, principal: Principal, endpointPath: string): Session {
    if (session.userId !== principal.user.id || session.endpointPath !== endpointPath)
      throw unknown()
    const now = clock.now()
    if (now - session.seenAt > TOUCH_MS) {
      session.seenAt = now
      store
        .transaction(({ db }) =>
          db
            .updateTable('mcp_sessions')
            .set({ last_seen_at: now })
            .where('id_hash', '=', session.idHash)
            .execute(),
        )
        .catch((error: unknown) => core.log.warn({ error }, 'cannot note the use of a session'))
    }
    return session
  }

  async function load(idHash: string): Promise<Session> {
    const row = await store.db
      .selectFrom('mcp_sessions')
      .selectAll()
      .where('id_hash', '=', idHash)
      .where('ended_at', 'is', null)
      .executeTakeFirst()
    if (!row) throw unknown()
    return (
      memory.get(idHash) ??
      remember(
        alive({
          idHash,
          userId: row.user_id,
          endpointPath: row.endpoint,
          protocolVersion: row.protocol_version,
          clientInfo: JSON.parse(row.client_info) as Session['clientInfo'],
          capabilities: JSON.parse(row.capabilities) as JsonObject,
        }),
      )
    )
  }

  async function endWhere(ids: readonly string[]) {
    if (ids.length === 0) return
    await store.transaction(async ({ db, changed }) => {
      await db
        .updateTable('mcp_sessions')
        .set({ ended_at: clock.now() })
        .where('id_hash', 'in', ids)
        .execute()
      for (const id of ids) changed('session', id)
    })
    for (const id of ids) {
      const session = memory.get(id)
      memory.delete(id)
      if (session) onEnd(session)
    }
  }

  return {
    async create(principal, endpointPath, hello) {
      const id = core.random(24).toString('base64url')
      const session = alive({
        ...hello,
        idHash: tokenHash(id),
        userId: principal.user.id,
        endpointPath,
      })
      await store.transaction(({ db }) =>
        db
          .insertInto('mcp_sessions')
          .values({
            id_hash: session.idHash,
            owner: principal.id,
            user_id: session.userId,
            endpoint: endpointPath,
            protocol_version: session.protocolVersion,
            client_info: JSON.stringify(session.clientInfo),
            capabilities: JSON.stringify(session.capabilities),
            created_at: clock.now(),
            last_seen_at: clock.now(),
            ended_at: null,
          })
          .execute(),
      )
      remember(session)
      return id
    },
    find(id, principal, endpointPath) {
      const idHash = tokenHash(id)
      const session = memory.get(idHash)
      if (session) return check(session, principal, endpointPath)
      return load(idHash).then((loaded) => check(loaded, principal, endpointPath))
    },
    end: (session) => endWhere([session.idHash]),
    forget(idHash) {
      if (idHash === null) memory.clear()
      const session = idHash === null ? undefined : memory.get(idHash)
      if (!session) return
      memory.delete(session.idHash)
      onEnd(session)
    },
    byHash: (idHash) => memory.get(idHash) ?? null,
    async sweep() {
      const rows = await store.db
        .selectFrom('mcp_sessions')
        .select('id_hash')
        .where('ended_at', 'is', null)
        .where('last_seen_at', '<', clock.now() - days(1))
        .limit(1000)
        .execute()
      await endWhere(rows.map((row) => row.id_hash))
    },
  }
}
