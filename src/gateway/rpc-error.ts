// The JSON-RPC mapper: AppError in, JSON-RPC error out. Codes of our own lie outside the reserved range (2026-07-28, Error codes).
import { AppError } from '../kernel/app-error.ts'
import type { ErrorCode } from '../kernel/error-codes.ts'

export interface RpcErrorBody {
  code: number
  message: string
  data?: unknown
}

/** An error that already has its JSON-RPC form, with the HTTP status of the stateless era. */
export class RpcFailure extends Error {
  readonly error: RpcErrorBody
  readonly status: number

  constructor(code: number, message: string, options: { data?: unknown; status?: number } = {}) {
    super(message)
    this.name = 'RpcFailure'
    this.error = { code, message, ...(options.data === undefined ? {} : { data: options.data }) }
    this.status = options.status ?? 200
  }
}

export const methodNotFound = (method: string) =>
  new RpcFailure(-32601, `Method not found: ${method}`, { status: 404 })

export const invalidParams = (message: string, data?: unknown) =>
  new RpcFailure(-32602, message, { ...(data === undefined ? {} : { data }) })

const CODES: Partial<Record<ErrorCode, number>> = {
  bad_request: -32600,
  too_large: -32600,
  unsupported_media: -32600,
  invalid_input: -32602,
  tool_unknown: -32602,
  tool_arguments: -32602,
  server_unknown: -32602,
  internal: -32603,
}

/** Servers and stores that fail: -31000 and the code in `data`, so that a program can tell them apart. */
export function toRpcError(error: unknown): RpcErrorBody {
  if (error instanceof RpcFailure) return error.error
  if (error instanceof AppError) {
    return {
      code: CODES[error.code] ?? -31000,
      message: error.remedy ? `${error.message} ${error.remedy}` : error.message,
      data: { code: error.code, ...error.data },
    }
  }
  return {
    code: -32603,
    message: 'The gateway failed in an unexpected way. Its log has the details.',
  }
}
