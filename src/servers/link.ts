// A live connection to one server: the same small interface for every kind, so that the gateway never asks which it is.
import type { Readable } from 'node:stream'
import type { Era, JsonObject } from '../kernel/mcp.ts'

/** What a server said of itself when the connection was made. */
export interface Hello {
  era: Era
  protocolVersion: string
  serverInfo: { name: string; version: string } & JsonObject
  capabilities: JsonObject
  instructions?: string
}

export interface RpcError {
  code: number
  message: string
  data?: unknown
}

export type RpcReply =
  | { result: JsonObject; error?: undefined }
  | { result?: undefined; error: RpcError }

export interface RpcNotification {
  method: string
  params?: JsonObject
}

/** A question of the server to the client (sampling, elicitation, roots); session era only. */
export interface RpcQuestion {
  method: string
  params?: JsonObject
}

/** One request on the parsed path. Ids are the link's own business. */
export interface LinkCall {
  method: string
  params: JsonObject
  /** Stateless HTTP servers: extra `Mcp-Param-*` headers to forward. */
  headers?: Record<string, string>
  /** Abort cancels on the server too (notification or closed stream). */
  signal: AbortSignal
  /** Milliseconds until the call fails with server_timeout. */
  deadline: number
  onNotification?(notification: RpcNotification): void
  onQuestion?(question: RpcQuestion): Promise<RpcReply>
  /** Told of every piece of the answer before it is kept (HTTP kinds); what it throws ends the call. */
  onBytes?(bytes: number): void
}

/** The streamed path: bytes in, the server's HTTP answer out, nothing parsed. Only HTTP kinds offer it. */
export interface Forward {
  method: 'POST' | 'GET' | 'DELETE'
  body?: Uint8Array
  /** Already chosen by the caller: accept, mcp-method, mcp-name, mcp-param-*, last-event-id, mcp-protocol-version. */
  headers: Record<string, string>
  signal: AbortSignal
  /** Milliseconds until response headers. */
  deadline: number
}

export interface ForwardReply {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Readable
  /** The server no longer knows its session, so it has not run the request; the link is closed. */
  sessionLost?: true
  /** The beginning of a foreign text, safe to show: without the credential that was sent, should the server echo it. */
  quote?(text: string): string
}

export interface Link {
  readonly hello: Hello
  /** Set when the connection is gone; the pool then opens another. */
  readonly closed: Error | null
  /**
   * @throws AppError server_timeout, server_closed, server_garbage, server_unreachable, server_refused.
   * An error that the server itself answered is a reply, not a throw.
   */
  request(call: LinkCall): Promise<RpcReply>
  notify(notification: RpcNotification): Promise<void>
  /** Notifications and questions outside any call. One listener; the last one set wins. */
  onNotification(listener: (notification: RpcNotification) => void): void
  onQuestion(listener: (question: RpcQuestion) => Promise<RpcReply>): void
  /** Streamed path; absent for kinds that have no HTTP wire. Adds the server's credential and session id itself. */
  forward?(forward: Forward): Promise<ForwardReply>
  close(): Promise<void>
  /** What an admin should see of a link that misbehaves; kinds that start a program offer it. */
  diagnose?(): LinkDiagnosis
}

export interface LinkDiagnosis {
  pid: number
  /** Last lines of the program's standard error, safe to print. */
  stderr: string
  /** Lines on standard output that were not MCP: how many, and the last of them. */
  noise: { count: number; last: string }
}

/** Whom a link is opened for. Two calls with the same key may share a link. */
export interface LinkFor {
  /** `shared`, a user id, or an MCP session of ours: who may share this link. */
  affinity: string
  /** Announced to session-era servers at initialize. */
  clientInfo: { name: string; version: string }
  capabilities: JsonObject
}
