// What can be said of a foreign schema without an engine: depth, size, and references that lead out of it, nowhere,
// into data, or in a circle. Without recursion, in linear time.
import type { JsonObject } from '../kernel/mcp.ts'
import { holdsData, holdsMap } from './validation-budget.ts'

const DEEPEST = 64
const MOST_NODES = 20_000
const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef'] as const

interface Visit {
  node: unknown
  depth: number
  kind: 'schema' | 'map' | 'data'
}

/** How many objects and lists a schema is made of; stops counting where it is too large anyway. */
export function partsOf(schema: unknown): number {
  const stack = [schema]
  let parts = 0
  while (stack.length > 0 && parts <= MOST_NODES) {
    const node = stack.pop()
    if (typeof node !== 'object' || node === null) continue
    parts++
    for (const child of Object.values(node)) stack.push(child)
  }
  return parts
}

/** Why a schema cannot be used, in words; null when its shape is fine. */
export function shapeProblem(schema: JsonObject): string | null {
  const stack: Visit[] = [{ node: schema, depth: 0, kind: 'schema' }]
  const data = new Set<unknown>()
  const referring: JsonObject[] = []
  let nodes = 0
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, depth, kind } = next
    if (typeof node !== 'object' || node === null) continue
    if (++nodes > MOST_NODES) return `its input schema has more than ${MOST_NODES} parts`
    if (depth > DEEPEST) return `its input schema is nested more than ${DEEPEST} deep`
    if (kind === 'data') data.add(node)
    else if (REFERENCES.some((name) => typeof (node as JsonObject)[name] === 'string'))
      referring.push(node as JsonObject)
    const list = Array.isArray(node)
    for (const [name, child] of Object.entries(node))
      stack.push({
        node: child,
        depth: depth + 1,
        kind: kind === 'data' || list ? kind : kindOf(name, kind === 'map'),
      })
  }
  return referenceProblem(schema, referring, data)
}

const kindOf = (name: string, inMap: boolean): Visit['kind'] =>
  holdsData(name, inMap) ? 'data' : holdsMap(name, inMap) ? 'map' : 'schema'

function referenceProblem(
  schema: JsonObject,
  referring: readonly JsonObject[],
  data: ReadonlySet<unknown>,
): string | null {
  const leadsTo = new Map<unknown, unknown>()
  for (const node of referring)
    for (const name of REFERENCES) {
      const ref = node[name]
      if (typeof ref !== 'string') continue
      const shown = ref.slice(0, 80)
      if (!ref.startsWith('#')) return `its input schema refers to ${shown}, outside itself`
      const target = targetOf(schema, ref)
      if (target === NOWHERE) return `its input schema refers to ${shown}, which is not there`
      if (data.has(target)) return `its input schema refers to ${shown}, which is no schema`
      if (name === '$ref') leadsTo.set(node, target)
    }
  return goesRound(leadsTo) ? 'its input schema refers to itself in a circle' : null
}

/** References that lead to nothing but each other. */
function goesRound(leadsTo: ReadonlyMap<unknown, unknown>): boolean {
  const ends = new Set<unknown>()
  for (const first of leadsTo.keys()) {
    const path = new Set<unknown>()
    for (
      let node: unknown = first;
      leadsTo.has(node) && !ends.has(node);
      node = leadsTo.get(node)
    ) {
      if (path.has(node)) return true
      path.add(node)
    }
    for (const node of path) ends.add(node)
  }
  return false
}

const NOWHERE = Symbol('nowhere')

function targetOf(schema: JsonObject, ref: string): unknown {
  // A name instead of a pointer ($anchor): rare; the engine finds it or the server judges.
  if (ref !== '#' && !ref.startsWith('#/')) return undefined
  let node: unknown = schema
  for (const part of ref.slice(2).split('/').filter(Boolean)) {
    const key = decode(part).replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return NOWHERE
    node = (node as JsonObject)[key]
  }
  return node
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // A lone percent sign stands for itself.
  }
}
