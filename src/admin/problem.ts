// What the admin API answers on failure (problem details, kernel/problem.ts), and how a caller reads it back.
import { z } from 'zod'
import { AppError, isAppError } from '../kernel/app-error.ts'
import { type ErrorCode, errorCodes } from '../kernel/error-codes.ts'
import { problemOf } from '../kernel/problem.ts'

export const problemResponse = (error: AppError): Response =>
  new Response(JSON.stringify(problemOf(error)), {
    status: error.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(error.code === 'storage_unavailable' && { 'retry-after': '5' }),
    },
  })

/** What is not an AppError says nothing of its inside to the caller. */
export function asAppError(error: unknown, reference: string): AppError {
  if (isAppError(error)) return error
  return new AppError('internal', `Something went wrong inside Mooring (${reference}).`, {
    remedy: `Look for ${reference} in the log of the gateway, and report what stands there.`,
    cause: error,
  })
}

const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  code: z.string(),
  detail: z.string(),
  remedy: z.string().optional(),
})

/** A problem answered by an admin API, as the error that it was there. */
export function fromProblem(body: unknown, status: number): AppError {
  const parsed = problem.safeParse(body)
  if (!parsed.success || !(parsed.data.code in errorCodes))
    return new AppError('internal', `The gateway answered ${status} without saying why.`, {
      remedy: 'See its log. A gateway of another version may be running: restart it.',
    })
  const { type: _type, title: _title, status: _status, code, detail, remedy, ...data } = parsed.data
  return new AppError(code as ErrorCode, detail, {
    ...(remedy !== undefined && { remedy }),
    ...(Object.keys(data).length > 0 && { data }),
  })
}
