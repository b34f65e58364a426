// Is the schema of a tool usable, and do arguments match it? Bounded in every direction: no network references,
// limited depth and size, patterns that could run away are not run (JSON Schema 2020-12 and draft-07).
import { Ajv, type Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { JsonObject } from '../kernel/mcp.ts'
import { shapeProblem } from './schema-shape.ts'
import {
  type Budget,
  counted,
  createBudget,
  patternsWithin,
  Spent,
  stepKeyword,
  uniqueItemsKeyword,
} from './validation-budget.ts'

const LONGEST_PROBLEM = 300
const MOST_COMPLAINTS = 20
const MOST_COMPILED = 2000

export interface SchemaChecker {
  /** Why a schema cannot be used, in words; null when it can. */
  problem(schema: unknown): string | null
  /** A check of arguments, compiled when first used. */
  checkOf(schema: JsonObject): (args: unknown) => string | null
}

export function createSchemaChecker(): SchemaChecker {
  const judges = {
    latest: undefined as Engine | undefined,
    draft7: undefined as Engine | undefined,
  }
  const judgeOf = (schema: JsonObject): Engine => {
    const dialect = isDraft7(schema) ? 'draft7' : 'latest'
    judges[dialect] ??= engine(schema, createBudget(), {})
    return judges[dialect]
  }
  return {
    problem: (schema) => {
      if (!isObject(schema)) return 'its input schema is missing'
      if (schema.type !== 'object') return 'its input schema is not of type object'
      const shape = shapeProblem(schema)
      if (shape) return shape
      const { budget, ajv } = judgeOf(schema)
      budget.refill()
      const { $schema: _dialect, $id: _id, ...rest } = schema
      try {
        if (ajv.validateSchema(rest) === true) return null
      } catch (error) {
        if (error instanceof Spent) return 'its input schema has lists that are too long to check'
        throw error
      }
      const first = ajv.errors?.[0]
      return `its input schema is invalid at ${first?.instancePath || '/'}: ${first?.message ?? 'unknown fault'}`
    },
    checkOf: (schema) => {
      let check: ((args: unknown) => string | null) | undefined
      return (args) => {
        check ??= compile(schema)
        return check(args)
      }
    },
  }
}

interface Engine {
  ajv: Ajv2020 | Ajv
  budget: Budget
}

const isDraft7 = (schema: JsonObject) =>
  typeof schema.$schema === 'string' && /draft-0[67]/.test(schema.$schema)

function engine(schema: JsonObject, budget: Budget, more: Options): Engine {
  const options: Options = {
    strict: false,
    validateFormats: false,
    logger: false,
    // A definition that is used in many places is compiled once, not once per place.
    inlineRefs: false,
    code: { regExp: patternsWithin(budget), optimize: false },
    keywords: [stepKeyword(budget)],
    ...more,
  }
  const ajv = isDraft7(schema) ? new Ajv(options) : new Ajv2020(options)
  ajv.removeKeyword('uniqueItems').addKeyword(uniqueItemsKeyword(budget))
  return { ajv, budget }
}

/** In an engine of its own: one that is shared would keep every schema, name and pattern that it has ever seen. */
function compile(schema: JsonObject): (args: unknown) => string | null {
  const own = counted(schema)
  // To compile it would take longer than anybody should be kept waiting: the server checks its arguments itself.
  if (own.size > MOST_COMPILED) return () => null
  const { ajv, budget } = engine(schema, createBudget(), { meta: false, validateSchema: false })
  try {
    const validate = ajv.compile(own.schema)
    return (args) => {
      budget.refill()
      try {
        if (validate(args)) return null
      } catch (error) {
        // Too much to check here, or a schema that turns in circles without end: the server has the last word.
        if (error instanceof Spent || error instanceof RangeError) return null
        throw error
      }
      return ajv
        .errorsText(validate.errors?.slice(0, MOST_COMPLAINTS), {
          dataVar: 'arguments',
          separator: '; ',
        })
        .slice(0, LONGEST_PROBLEM)
    }
  } catch {
    // It passed problem(), so the fault is in a corner that no other check sees: the server has the last word anyway.
    return () => null
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
