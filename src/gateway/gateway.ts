// What every file of the gateway is given, and one call on its way through.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Credentials } from '../grants/presented.ts'
import type { Principal } from '../grants/principal.ts'
import type { Era, JsonObject } from '../kernel/mcp.ts'
import type { Memory } from '../kernel/memory.ts'
import type { Core } from '../logs/core.ts'
import type { Origin } from '../logs/event.ts'
import type { Journal } from '../logs/journal.ts'
import type { Link, LinkFor, RpcQuestion, RpcReply } from '../servers/link.ts'
import type { Server } from '../servers/server.ts'
import type { Endpoint } from './endpoint-path.ts'
import type { Heartbeats } from './heartbeats.ts'
import type { Lists } from './lists.ts'
import type { Message } from './message.ts'
import type { Notifications } from './notifications.ts'
import type { Refusals } from './refusals.ts'
import type { RpcErrorBody } from './rpc-error.ts'
import type { Session, Sessions } from './sessions.ts'
import type { Streams } from './streams.ts'
import type { Tasks } from './tasks.ts'
import type { Views } from './views.ts'

export interface GatewayDeps {
  core: Core
  journal: Journal
  views: Views
  pool: { link(server: Server, linkFor: LinkFor): Promise<Link> }
  sessions: Sessions
  tasks: Tasks
  streams: Streams
  heartbeats: Heartbeats
  memory: Memory
  /** Answers of calls that are still being written: a revoke ends them, an orderly stop lets them finish. */
  answers: Streams
  notifications: Notifications
  lists: Lists
  authenticate(credentials: Credentials, endpointPath: string): Principal | Promise<Principal>
  used(principal: Principal, ip: string | undefined): void
  refusals: Refusals
  /** Public origin, without a trailing slash. */
  publicOrigin(): string
  /** Whether a browser page of this origin may call the endpoints. */
  originAllowed(origin: string): boolean
  limits: { requestBytes: number; callTimeoutMs: number }
}

/** A request that is authenticated, read and classified. */
export interface Call {
  req: IncomingMessage
  res: ServerResponse
  endpoint: Endpoint
  origin: Origin
  credentials: Credentials
  principal: Principal
  /** views.seq when the principal was established: what the intent is checked against. */
  decidedAt: number
  era: Era
  message: Message
  session: Session | null
  answer: Answer
  /** One of several in a body: its answer cannot have the stream to itself. */
  batched?: true
}

/** How an era writes its replies; one per request. */
export interface Answer {
  result(result: JsonObject): void
  error(error: RpcErrorBody, status: number): void
  /** There is none: the client has cancelled. */
  none(): void
  notify(method: string, params: JsonObject | undefined): void
  /** Session era only: puts a question to the client on this request's stream. */
  ask(question: RpcQuestion): Promise<RpcReply>
}
