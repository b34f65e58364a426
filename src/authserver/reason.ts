// The reason behind an error of the library: its own detail, or what our code threw beneath it.
import { isAppError } from '../kernel/app-error.ts'
import { text } from './records.ts'

export interface Reason {
  reason: string
  remedy?: string | undefined
}

export function reasonOf(error: unknown): Reason {
  let cause = error
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++) {
    if (isAppError(cause)) return { reason: cause.message, remedy: cause.remedy }
    cause = cause.cause
  }
  if (!(error instanceof Error)) return { reason: 'unknown' }
  // The detail is what the answer does not say.
  const { error_detail, error_description, message } = error as Error & Record<string, unknown>
  return { reason: text(error_detail) ?? text(error_description) ?? message }
}
