// How a call ends that got no answer: for the client, and for the record.
import { AppError, isAppError } from '../kernel/app-error.ts'
import type { Call } from './gateway.ts'
import { toRpcError } from './rpc-error.ts'

/** Tells the client that a call failed after its intent was written. In-band: the request itself was in order. */
export function answerFailure(call: Call, error: unknown): void {
  call.answer.error(toRpcError(error), error instanceof AppError ? 200 : 500)
}

/** The request may have been executed although no answer came. */
export const mayHaveRun = (error: unknown) =>
  isAppError(error, 'server_timeout') || isAppError(error, 'server_closed')
