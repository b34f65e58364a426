// Keeps the check of one set of arguments short, however the schema is built: every sub-schema that is entered and every
// pattern that is run is counted, because alternatives and references can multiply without end.
import { _, type KeywordDefinition } from 'ajv'
import { canonicalJson } from '../kernel/digest.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import { boundedPattern } from './bounded-pattern.ts'

const MOST_STEPS = 100_000
/** Steps of a regular expression are shorter than those through a schema. */
const PATTERN_STEPS = 100

/** Ends a check that would take too long. */
export class Spent extends Error {}

export interface Budget {
  /** Begins a new check. */
  refill(): void
  step(): void
  spend(steps: number): void
}

export function createBudget(): Budget {
  let left = MOST_STEPS
  const spend = (steps: number) => {
    left -= steps
    if (left < 0) throw new Spent()
  }
  return {
    refill: () => {
      left = MOST_STEPS
    },
    step: () => spend(1),
    spend,
  }
}

/** For the option `code.regExp` of the engine. */
export const patternsWithin = (budget: Budget) =>
  Object.assign(
    (source: string, flags: string) =>
      boundedPattern(source, flags, (steps) => budget.spend(steps / PATTERN_STEPS)),
    { code: 'boundedPattern' },
  )

const STEP = 'x-mooring-step'

/** Put in every sub-schema by `counted`, so that entering it costs a step. */
export const stepKeyword = (budget: Budget): KeywordDefinition => ({
  keyword: STEP,
  before: '$ref',
  code: ({ gen }) => {
    gen.code(_`${gen.scopeValue('obj', { ref: budget })}.step()`)
  },
})

/** The engine's own compares every item with every other. */
export const uniqueItemsKeyword = (budget: Budget): KeywordDefinition => ({
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  error: { message: 'must NOT have duplicate items' },
  validate: (wanted: boolean, items: readonly unknown[]) => {
    if (!wanted || items.length < 2) return true
    const texts = new Set<string>()
    for (const item of items) {
      budget.step()
      if (texts.size === texts.add(canonicalJson(item)).size) return false
    }
    return true
  },
})

/** Members whose value is data, whatever it looks like. */
const DATA = new Set(['const', 'enum', 'default', 'example', 'examples', 'required'])
/** Members whose value is a map of schemas by name. */
const MAPS = new Set([
  'properties',
  'patternProperties',
  'dependentSchemas',
  'dependencies',
  '$defs',
  'definitions',
])
/** What would make the engine look for other schemas, keep this one, or answer with a promise. */
const LEFT_OUT = new Set(['$schema', '$id', 'id', '$async', STEP])

/** A copy in which every sub-schema costs a step, and how many there are. The depth is bounded before. */
export function counted(schema: JsonObject): { schema: JsonObject; size: number } {
  let size = 0
  const schemaOf = (from: JsonObject): JsonObject => {
    size++
    const members = Object.entries(from)
      .filter(([name]) => !LEFT_OUT.has(name))
      .map(([name, value]) => [name, DATA.has(name) ? value : inner(value, MAPS.has(name))])
    return Object.fromEntries([[STEP, true], ...members]) as JsonObject
  }
  const inner = (value: unknown, map: boolean): unknown => {
    if (Array.isArray(value)) return value.map((item) => inner(item, false))
    if (typeof value !== 'object' || value === null) return value
    if (!map) return schemaOf(value as JsonObject)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one, false)]))
  }
  return { schema: schemaOf(schema), size }
}

/** Whether a member of a schema holds data; `of` is the name of the map that the member stands in. */
export const holdsData = (name: string, inMap: boolean): boolean => !inMap && DATA.has(name)
export const holdsMap = (name: string, inMap: boolean): boolean => !inMap && MAPS.has(name)
