// Every setting as a row: its key in mooring.yaml, its environment variable and its flag, read off the schema.
import { z } from 'zod'
import { fileSchema, type OptionInfo, optionInfo } from './schema.ts'

export interface Option extends OptionInfo {
  /** As written in messages and docs: `auth.access-token-ttl`. */
  key: string
  path: readonly string[]
  /** `MOORING_AUTH_ACCESS_TOKEN_TTL` */
  env: string
  schema: z.ZodType
}

export const options: readonly Option[] = rows(fileSchema, [])

/** Names of the groups in the file: `auth`, `logs`, `limits`. */
export const sections: ReadonlySet<string> = new Set(
  options.flatMap(({ path }) => (path.length > 1 ? [path[0]!] : [])),
)

function rows(schema: z.ZodObject, above: readonly string[]): Option[] {
  return Object.entries(schema.shape).flatMap(([name, field]): Option[] => {
    const path = [...above, name]
    const info = optionInfo.get(field as z.ZodType)
    if (!info) return rows(inner(field as z.ZodType), path)
    const key = path.join('.')
    const env = `MOORING_${key.toUpperCase().replace(/[.-]/g, '_')}`
    return [{ ...info, key, path, env, schema: field as z.ZodType }]
  })
}

/** The object behind `.prefault({})`. */
function inner(schema: z.ZodType): z.ZodObject {
  if (schema instanceof z.ZodObject) return schema
  if (schema instanceof z.ZodPrefault) return inner(schema.unwrap() as z.ZodType)
  throw new TypeError('A group of settings must be an object.')
}

/** For editors: completion and checks in mooring.yaml. */
export function jsonSchema(): Record<string, unknown> {
  // The data folder has a default too, but one that depends on the machine.
  const { required: _, ...schema } = z.toJSONSchema(fileSchema, { io: 'input' })
  return { ...schema, title: 'mooring.yaml' }
}
