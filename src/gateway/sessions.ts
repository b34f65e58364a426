// Session-era MCP sessions of clients: a row, and the little that lives only while this process does.
// A session id authenticates nothing (2025-11-25 best practices, session hijacking): it is good for the grant or key
// that opened it, and for nobody else.

import type { Principal } from '../grants/principal.ts'
import { AppError } from '../kernel/app-error.ts'
import { tokenHash } from '../kernel/digest.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import type { Core } from '../logs/core.ts'
import type { RpcReply } from '../servers/link.ts'
import type { LogLevel } from './log-level.ts'
import type { SseStream } from './sse.ts'

export interface Session {
  idHash: string
  /** `grt_…` or `key_…`: the one client of one person that may use it. */
  owner: string
  userId: string
  endpointPath: string
  protocolVersion: string
  clientInfo: { name: string; version: string }
  capabilities: JsonObject
  /** Calls under way, by raw id: what `notifications/cancelled` reaches. */
  calls: Map<string, AbortController>
  /** Questions put to the client and not yet answered, by raw id. */
  questions: Map<string, (reply: RpcReply) => void>
  /** The standalone GET stream, when one is open. */
  stream: SseStream | null
  /** Resources whose changes the client asked to hear of. */
  subscriptions: Set<string>
  /** The least severe log messages that the client wants; null when it has not said. */
  logLevel: LogLevel | null
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
  /** Those that this process holds. */
  all(): Iterable<Session>
  /** Ends sessions that nobody has used for a while. */
  sweep(): Promise<void>
}

interface SessionLimits {
  /** A session that is not used for so long ends. */
  idleMs: number
  /** Sessions of one grant or key; one more ends the one that was not used for the longest time. */
  perOwner: number
  /** Those that are read from the store again when they are needed leave the memory first. */
  inMemory?: number
}

const KEPT_IN_MEMORY = 20_000
const TOUCH_MS = 60_000
const AT_ONCE = 500

export function createSessions(
  core: Core,
  limits: SessionLimits,
  onEnd: (session: Session) => void,
): Sessions {
  const memory = new Map<string, Session>()
  const { store, clock } = core

  function remember(session: Session) {
    memory.set(session.idHash, session)
    if (memory.size > (limits.inMemory ?? KEPT_IN_MEMORY)) {
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
      | 'idHash'
      | 'owner'
      | 'userId'
      | 'endpointPath'
      | 'protocolVersion'
      | 'clientInfo'
      | 'capabilities'
    >,
  ): Session => ({
    ...state,
    calls: new Map(),
    questions: new Map(),
    stream: null,
    subscriptions: new Set(),
    logLevel: null,
    nextQuestion: 1,
    seenAt: clock.now(),
  })

  const unknown = () =>
    new AppError('session_unknown', 'This MCP session does not exist or has ended.', {
      remedy: 'Send initialize again to start a new one.',
    })

  function check(session: Session, principal: Principal, endpointPath: string): Session {
    if (session.owner !== principal.id || session.userId !== principal.user.id) throw unknown()
    if (session.endpointPath !== endpointPath) throw unknown()
    if (clock.now() - session.seenAt > TOUCH_MS) {
      // To the end of the map: what is at its beginning was not used for the longest time.
      if (memory.delete(session.idHash)) memory.set(session.idHash, session)
      touch([session]).catch((error: unknown) =>
        core.log.warn({ error }, 'cannot note the use of a session'),
      )
    }
    return session
  }

  async function touch(used: readonly Session[]): Promise<void> {
    const now = clock.now()
    for (const session of used) session.seenAt = now
    for (let at = 0; at < used.length; at += AT_ONCE) {
      const ids = used.slice(at, at + AT_ONCE).map(({ idHash }) => idHash)
      await store.transaction(({ db }) =>
        db
          .updateTable('mcp_sessions')
          .set({ last_seen_at: now })
          .where('id_hash', 'in', ids)
          .execute(),
      )
    }
  }

  /** The client that is shut out hears it with its next request and initializes again, which is what it would do anyway. */
  async function makeRoom(owner: string): Promise<void> {
    const tooMany = await store.db
      .selectFrom('mcp_sessions')
      .select('id_hash')
      .where('owner', '=', owner)
      .where('ended_at', 'is', null)
      .orderBy('last_seen_at', 'desc')
      .orderBy('created_at', 'desc')
      .offset(limits.perOwner)
      .limit(AT_ONCE)
      .execute()
    await endWhere(tooMany.map((row) => row.id_hash))
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
          owner: row.owner,
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
      await db.deleteFrom('mcp_sessions').where('id_hash', 'in', ids).execute()
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
        owner: principal.id,
        userId: principal.user.id,
        endpointPath,
      })
      await store.transaction(({ db }) =>
        db
          .insertInto('mcp_sessions')
          .values({
            id_hash: session.idHash,
            owner: session.owner,
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
      await makeRoom(session.owner)
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
    all: () => memory.values(),
    async sweep() {
      // A stream or a call is use, though nothing was posted: no replica may take such a session for an idle one.
      await touch([...memory.values()].filter((session) => session.stream || session.calls.size))
      for (;;) {
        const before = clock.now() - limits.idleMs
        const rows = await store.db
          .selectFrom('mcp_sessions')
          .select('id_hash')
          .where('last_seen_at', '<', before)
          .limit(AT_ONCE)
          .execute()
        // The row lags behind, or could not be written.
        const used = rows.flatMap(({ id_hash }) => memory.get(id_hash) ?? [])
        const fresh = new Map(used.filter((s) => s.seenAt >= before).map((s) => [s.idHash, s]))
        await endWhere(rows.flatMap(({ id_hash }) => (fresh.has(id_hash) ? [] : [id_hash])))
        await touch([...fresh.values()])
        if (rows.length < AT_ONCE) return
      }
    },
  }
}
