// The one error type that crosses rooms. Four mappers turn it into OAuth JSON, JSON-RPC, problem details or CLI text.
import { type ErrorCode, errorCodes } from './error-codes.ts'
import { masked } from './mask.ts'

export interface AppErrorOptions {
  /** What to do about it, as one sentence or a command. */
  remedy?: string
  cause?: unknown
  /** Machine-readable extras; must be free of secrets. */
  data?: Record<string, unknown>
  /** What somebody else said, as the end of the message: shown to whoever asked, kept out of every log. */
  said?: string
}

/** What went wrong (`message`), its stable `code`, the `remedy`, and the HTTP status it maps to. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly remedy: string | undefined
  readonly status: number
  readonly data: Record<string, unknown> | undefined
  /** The message in our own words only. */
  readonly own: string

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(
      message + (options.said ?? ''),
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.own = message
    this.name = 'AppError'
    this.code = code
    this.remedy = options.remedy
    this.status = errorCodes[code].status
    this.data = options.data
  }
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code)
}

/** What a log may keep of anything thrown: our own words, or a library's without what looks like a credential. */
export const recordable = (error: unknown): string =>
  masked(error instanceof AppError ? error.own : messageOf(error))

/** The message of anything thrown, never throwing itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
