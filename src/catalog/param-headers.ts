// `x-mcp-header` in tool schemas: arguments that are repeated as `Mcp-Param-*` headers
// (MCP 2026-07-28, Streamable HTTP > Custom Headers). Which tools declare them rightly, and the headers of one call.
import type { JsonObject } from '../kernel/mcp.ts'
import { encodeHeaderValue } from './header-value.ts'

export interface ParamHeader {
  /** Where the value is in the arguments. */
  path: readonly string[]
  /** As in `Mcp-Param-NAME`. */
  name: string
}

const KEY = 'x-mcp-header'
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TYPES = ['string', 'integer', 'boolean']
const DEEPEST = 64

/** The declarations of a schema, or why they are invalid: then the tool must not be listed. */
export function paramHeadersOf(
  schema: JsonObject,
): { headers: ParamHeader[] } | { invalid: string } {
  const headers: ParamHeader[] = []
  const invalid = collect(schema, [], true, headers, 0)
  if (invalid !== null) return { invalid }
  const names = new Set<string>()
  for (const { name } of headers) {
    const own = name.toLowerCase()
    if (names.size === names.add(own).size)
      return { invalid: `the header ${own} is declared twice` }
  }
  return { headers }
}

/** Only properties reached through nothing but `properties` may declare a header; anywhere else it is an error. */
function collect(
  node: unknown,
  path: readonly string[],
  reachable: boolean,
  headers: ParamHeader[],
  depth: number,
): string | null {
  if (typeof node !== 'object' || node === null || depth > DEEPEST) return null
  if (Array.isArray(node)) {
    for (const item of node) {
      const problem = collect(item, path, false, headers, depth + 1)
      if (problem) return problem
    }
    return null
  }
  const schema = node as JsonObject
  if (KEY in schema) {
    const problem = declare(schema, path, reachable, headers)
    if (problem) return problem
  }
  for (const [keyword, value] of Object.entries(schema)) {
    if (OPAQUE.has(keyword)) continue
    const named = keyword === 'properties' || MAPS.has(keyword)
    const children: [string, unknown][] =
      named && typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value)
        : [[keyword, value]]
    for (const [name, child] of children) {
      const problem = collect(
        child,
        [...path, name],
        reachable && keyword === 'properties',
        headers,
        depth + 1,
      )
      if (problem) return problem
    }
  }
  return null
}

function declare(
  schema: JsonObject,
  path: readonly string[],
  reachable: boolean,
  headers: ParamHeader[],
): string | null {
  const where = path.join('.') || 'the schema itself'
  const name = schema[KEY]
  if (!reachable || path.length === 0) return `${KEY} is not allowed at ${where}`
  if (typeof name !== 'string' || !TOKEN.test(name))
    return `${KEY} at ${where} is not a header name`
  if (!TYPES.includes(String(schema.type)))
    return `${KEY} at ${where} needs the type string, integer or boolean`
  headers.push({ path, name })
  return null
}

/** Keywords whose value is data, not a schema. */
const OPAQUE = new Set(['const', 'enum', 'default', 'example', 'examples', 'required', KEY])
/** Keywords whose members are named by the author, not by JSON Schema. */
const MAPS = new Set(['patternProperties', 'dependentSchemas', '$defs', 'definitions'])

/** The headers of one call; absent and null arguments have none. */
export function paramHeaders(schema: JsonObject, args: unknown): Record<string, string> {
  const declared = paramHeadersOf(schema)
  if ('invalid' in declared) return {}
  const headers: Record<string, string> = {}
  for (const { path, name } of declared.headers) {
    const value = path.reduce<unknown>(
      (node, key) =>
        typeof node === 'object' && node !== null && Object.hasOwn(node, key)
          ? (node as JsonObject)[key]
          : undefined,
      args,
    )
    const text = asText(value)
    if (text !== null) headers[`mcp-param-${name.toLowerCase()}`] = encodeHeaderValue(text)
  }
  return headers
}

function asText(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  return Number.isSafeInteger(value) ? String(value) : null
}
