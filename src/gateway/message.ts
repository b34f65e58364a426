// One JSON-RPC message as it came in: parsed once, with its exact bytes and the exact text of its id.
import { AppError } from '../kernel/app-error.ts'
import { type Scan, scanMessage } from '../kernel/json-scan.ts'
import type { JsonObject } from '../kernel/mcp.ts'

export interface Message {
  kind: 'request' | 'notification' | 'response'
  bytes: Buffer
  scan: Scan
  /** The id exactly as sent, as JSON text: numbers are never rounded. `null` for notifications. */
  rawId: string | null
  /** Empty for responses. */
  method: string
  params: JsonObject
  /** The whole parsed message. */
  body: JsonObject
}

/** @throws AppError bad_request | too_large, before any effect */
export function parseMessage(bytes: Buffer): Message {
  const scan = scanMessage(bytes)
  if (scan.kind === 'array') {
    throw new AppError(
      'bad_request',
      'The body is a JSON-RPC batch, which this endpoint does not take.',
      {
        remedy: 'Send one message per POST.',
      },
    )
  }
  const body: unknown = JSON.parse(bytes.toString('utf8'))
  if (!isObject(body) || body.jsonrpc !== '2.0') throw notJsonRpc('member "jsonrpc" is not "2.0"')
  const rawId = scan.id ? bytes.toString('utf8', scan.id.start, scan.id.end) : null
  if (rawId !== null && typeof body.id !== 'string' && typeof body.id !== 'number') {
    throw notJsonRpc('the id is neither a string nor a number')
  }
  if (typeof body.method === 'string') {
    if (body.params !== undefined && !isObject(body.params))
      throw notJsonRpc('params is not an object')
    return {
      kind: rawId === null ? 'notification' : 'request',
      bytes,
      scan,
      rawId,
      method: body.method,
      params: body.params ?? {},
      body,
    }
  }
  // An answer is passed on as it is: with a method of whatever kind, a server might take it for a call.
  const answers =
    body.method === undefined && (body.result !== undefined || body.error !== undefined)
  if (rawId !== null && answers) {
    return { kind: 'response', bytes, scan, rawId, method: '', params: {}, body }
  }
  throw notJsonRpc('it is neither a request, a notification nor a response')
}

const MOST_IN_BATCH = 100

/** Whether the first character is a bracket. */
export function isBatch(bytes: Buffer): boolean {
  let at = 0
  while (SPACE.has(bytes[at] ?? 0)) at++
  return bytes[at] === 0x5b
}

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])

/** @throws AppError bad_request | too_large, for the whole batch */
export function parseBatch(bytes: Buffer): Message[] {
  const { items } = scanMessage(bytes)
  if (items.length === 0) throw notJsonRpc('the batch is empty')
  if (items.length > MOST_IN_BATCH) {
    throw new AppError('too_large', `The batch has more than ${MOST_IN_BATCH} messages.`, {
      remedy: 'Send fewer at a time.',
    })
  }
  return items.map(({ start, end }) => parseMessage(bytes.subarray(start, end)))
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const notJsonRpc = (why: string) =>
  new AppError('bad_request', `The body is not a JSON-RPC 2.0 message: ${why}.`, {
    remedy: 'Check that the URL is used by an MCP client.',
  })
