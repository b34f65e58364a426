// Is the schema of a tool usable, and do arguments match it? Bounded in every direction: no network references,
// limited depth and size, patterns that could run away are not run (JSON Schema 2020-12 and draft-07).
import { Ajv, type Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { JsonObject } from '../kernel/mcp.ts'
import { boundedPattern } from './bounded-pattern.ts'

const DEEPEST = 64
const MOST_NODES = 20_000
const LONGEST_PROBLEM = 300

export interface SchemaChecker {
  /** Why a schema cannot be used, in words; null when it can. */
  problem(schema: unknown): string | null
  /** A check of arguments, compiled when first used. */
  checkOf(schema: JsonObject): (args: unknown) => string | null
}

export function createSchemaChecker(): SchemaChecker {
  const options: Options = {
    strict: false,
    validateFormats: false,
    logger: false,
    code: { regExp: Object.assign(boundedPattern, { code: 'boundedPattern' }) },
  }
  const engines = { latest: undefined as Ajv2020 | undefined, draft7: undefined as Ajv | undefined }
  const engineFor = (schema: JsonObject): Ajv2020 | Ajv => {
    const dialect = typeof schema.$schema === 'string' ? schema.$schema : ''
    if (/draft-0[67]/.test(dialect)) {
      engines.draft7 ??= new Ajv(options)
      return engines.draft7
    }
    engines.latest ??= new Ajv2020(options)
    return engines.latest
  }
  return {
    problem: (schema) => {
      if (!isObject(schema)) return 'its input schema is missing'
      if (schema.type !== 'object') return 'its input schema is not of type object'
      const shape = walk(schema)
      if (shape) return shape
      const engine = engineFor(schema)
      if (engine.validateSchema(plain(schema)) === true) return null
      const first = engine.errors?.[0]
      return `its input schema is invalid at ${first?.instancePath || '/'}: ${first?.message ?? 'unknown fault'}`
    },
    checkOf: (schema) => {
      let check: ((args: unknown) => string | null) | undefined
      return (args) => {
        check ??= compile(engineFor(schema), schema)
        return check(args)
      }
    },
  }
}

function compile(engine: Ajv2020 | Ajv, schema: JsonObject): (args: unknown) => string | null {
  const own = plain(schema)
  try {
    const validate = engine.compile(own)
    return (args) => {
      if (validate(args)) return null
      return engine
        .errorsText(validate.errors, { dataVar: 'arguments', separator: '; ' })
        .slice(0, LONGEST_PROBLEM)
    }
  } catch {
    // It passed problem(), so the fault is in a corner that no other check sees: the server has the last word anyway.
    return () => null
  } finally {
    // The engine would keep every schema that it has ever seen.
    engine.removeSchema(own)
  }
}

/** Without the marks that would make the engine look for, or keep, other schemas. */
function plain(schema: JsonObject): JsonObject {
  const { $schema: _dialect, $id: _id, ...rest } = schema
  return rest
}

/** Depth, size and references, without recursion. */
function walk(schema: JsonObject): string | null {
  const stack: { node: unknown; depth: number }[] = [{ node: schema, depth: 0 }]
  let nodes = 0
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, depth } = next
    if (typeof node !== 'object' || node === null) continue
    if (++nodes > MOST_NODES) return `its input schema has more than ${MOST_NODES} parts`
    if (depth > DEEPEST) return `its input schema is nested more than ${DEEPEST} deep`
    const { $ref } = node as JsonObject
    if (typeof $ref === 'string') {
      if (!$ref.startsWith('#'))
        return `its input schema refers to ${$ref.slice(0, 80)}, outside itself`
      if (!resolves(schema, $ref))
        return `its input schema refers to ${$ref.slice(0, 80)}, which is not there`
    }
    for (const child of Object.values(node)) stack.push({ node: child, depth: depth + 1 })
  }
  return null
}

function resolves(schema: JsonObject, ref: string): boolean {
  // A name instead of a pointer ($anchor): rare; the engine finds it or the server judges.
  if (ref !== '#' && !ref.startsWith('#/')) return true
  let node: unknown = schema
  for (const part of ref.slice(2).split('/').filter(Boolean)) {
    const key = decode(part).replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return false
    node = (node as JsonObject)[key]
  }
  return true
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // A lone percent sign stands for itself.
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
