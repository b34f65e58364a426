// JSON-RPC as servers speak it: what one incoming message is, and how our own are put together.
import { AppError } from '../kernel/app-error.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import type { LinkCall, RpcError, RpcNotification, RpcQuestion, RpcReply } from './link.ts'

export type Incoming =
  | { kind: 'reply'; id: unknown; reply: RpcReply }
  | { kind: 'notification'; notification: RpcNotification }
  | { kind: 'question'; id: string | number; question: RpcQuestion }
  /** An answer to `id` whose form is wrong: that one call fails, not the connection. */
  | { kind: 'broken'; id: unknown; why: string }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Null for whatever is not JSON-RPC at all. */
export function readMessage(value: unknown): Incoming | null {
  if (!isObject(value)) return null
  const { id, method } = value
  if (typeof method === 'string') {
    const message = isObject(value.params) ? { method, params: value.params } : { method }
    if (typeof id === 'string' || typeof id === 'number')
      return { kind: 'question', id, question: message }
    return { kind: 'notification', notification: message }
  }
  if (isObject(value.error)) {
    const error = readError(value.error)
    return error
      ? { kind: 'reply', id, reply: { error } }
      : { kind: 'broken', id, why: 'an error without a numeric code' }
  }
  if (isObject(value.result)) return { kind: 'reply', id, reply: { result: value.result } }
  if ('result' in value) return { kind: 'broken', id, why: 'a result that is not an object' }
  return null
}

function readError(error: JsonObject): RpcError | null {
  const { code, message, data } = error
  if (typeof code !== 'number') return null
  const text = typeof message === 'string' ? message : ''
  return data === undefined ? { code, message: text } : { code, message: text, data }
}

export const requestMessage = (id: number, method: string, params: JsonObject): JsonObject => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
})

export const notificationMessage = ({ method, params }: RpcNotification): JsonObject =>
  params ? { jsonrpc: '2.0', method, params } : { jsonrpc: '2.0', method }

export const answerMessage = (id: string | number, reply: RpcReply): JsonObject => ({
  jsonrpc: '2.0',
  id,
  ...reply,
})

export const noSuchMethod = (method: string): RpcReply => ({
  error: { code: -32601, message: `The client cannot answer ${method}.` },
})

/** Asks `handler`; a question that nobody can answer gets an error, never silence. */
export async function answerTo(
  question: RpcQuestion,
  handler: ((question: RpcQuestion) => Promise<RpcReply>) | undefined,
): Promise<RpcReply> {
  if (question.method === 'ping') return { result: {} }
  if (!handler) return noSuchMethod(question.method)
  try {
    return await handler(question)
  } catch (error) {
    const message = error instanceof AppError ? error.message : 'The question could not be asked.'
    return { error: { code: -32603, message } }
  }
}

const tokenOf = (params: JsonObject | undefined): unknown =>
  isObject(params?._meta) ? params._meta.progressToken : undefined

/** The parameters to send: the caller's progress token becomes the request id, so that two clients cannot clash. */
export function withOwnProgressToken(params: JsonObject, id: number): JsonObject {
  if (tokenOf(params) === undefined) return params
  return { ...params, _meta: { ...(params._meta as JsonObject), progressToken: id } }
}

/** An id of ours as it comes back: some servers make a text of a number. -1 for whatever is none. */
export function ownId(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : -1
}

/** A notification as the caller expects it; null when it reports progress that nobody asked for. */
export function withCallersProgressToken(
  notification: RpcNotification,
  call: LinkCall,
): RpcNotification | null {
  if (notification.method !== 'notifications/progress') return notification
  const token = tokenOf(call.params)
  if (token === undefined) return null
  return { ...notification, params: { ...notification.params, progressToken: token } }
}
