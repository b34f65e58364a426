// The edge of the admin API: bodies and queries become typed values here or are refused with every mistake named.
import type { Context } from 'hono'
import { z } from 'zod'
import { AppError } from '../kernel/app-error.ts'
import { readJson } from '../kernel/json-body.ts'
import { Secret } from '../kernel/secret.ts'

export const secret = z
  .string()
  .min(1)
  .transform((value) => new Secret(value))

export const permit = z.enum(['none', 'read-only', 'all'])

/** @throws AppError bad_request | too_large | invalid_input */
export async function body<T extends z.ZodType>(c: Context, schema: T): Promise<z.output<T>> {
  return checked(schema, readJson(Buffer.from(await c.req.arrayBuffer())))
}

/** @throws AppError invalid_input */
export const query = <T extends z.ZodType>(c: Context, schema: T): z.output<T> =>
  checked(schema, c.req.query())

function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  )
  throw new AppError('invalid_input', problems.join('\n'), {
    remedy: 'Correct these values; nothing was changed.',
    data: { problems },
  })
}
