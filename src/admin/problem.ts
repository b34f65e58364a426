// AppError ⇄ problem details (RFC 9457): what the admin API answers on failure, and how a caller reads it back.
import { z } from 'zod'
import { AppError, isAppError } from '../kernel/app-error.ts'
import { type ErrorCode, errorCodes } from '../kernel/error-codes.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** `code`, `remedy` and `data` are extension members of the RFC. */
const problem = z.object({
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  code: z.string(),
  remedy: z.string().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
})

export function toProblem(error: AppError): z.input<typeof problem> {
  return {
    title: errorCodes[error.code].meaning,
    status: error.status,
    detail: error.message,
    code: error.code,
    ...(error.remedy !== undefined && { remedy: error.remedy }),
    ...(error.data !== undefined && { data: error.data }),
  }
}

/** What is not an AppError says nothing of its inside to the caller. */
export function asAppError(error: unknown, reference: string): AppError {
  if (isAppError(error)) return error
  return new AppError('internal', `Something went wrong inside Mooring (${reference}).`, {
    remedy: `Look for ${reference} in the log of the gateway, and report what stands there.`,
    cause: error,
  })
}

/** A problem answered by an admin API, as the error that it was there. */
export function fromProblem(body: unknown, status: number): AppError {
  const parsed = problem.safeParse(body)
  if (!parsed.success || !(parsed.data.code in errorCodes))
    return new AppError('internal', `The gateway answered ${status} without saying why.`, {
      remedy: 'See its log. A gateway of another version may be running: restart it.',
    })
  const { code, detail, remedy, data } = parsed.data
  return new AppError(code as ErrorCode, detail, {
    ...(remedy !== undefined && { remedy }),
    ...(data !== undefined && { data }),
  })
}
