// Makes the catalogue of one server out of what it listed: public names, fragments ready to send, and which tools
// stay hidden and why. Definitions keep every field, known or not; order is by name, whatever the server's.
import type { Era, JsonObject } from '../kernel/mcp.ts'
import type { Catalog, NamedEntry, ResourceEntry, TemplateEntry, ToolEntry } from './catalog.ts'
import { LONGEST, ownName, publicName } from './names.ts'
import { paramHeadersOf } from './param-headers.ts'
import { createSchemaChecker, type SchemaChecker } from './schema-check.ts'
import { partsOf } from './schema-shape.ts'
import { templateMatcher } from './uri-template.ts'

export const LISTS = ['tools', 'prompts', 'resources', 'templates'] as const
export type ListName = (typeof LISTS)[number]

/** What was read from a server; plain JSON, kept in the store. */
export interface CatalogPayload {
  era: Era
  /** Whether requests travel over HTTP: then tools must declare `x-mcp-header` rightly. */
  overHttp: boolean
  hello: Catalog['hello']
  tools: JsonObject[]
  prompts: JsonObject[]
  resources: JsonObject[]
  templates: JsonObject[]
  /** Lists that could not be read: which, and why in words. */
  failed: ListName[]
  problems: string[]
  fetchedAt: number
}

export function buildCatalog(
  server: { id: string; name: string },
  payload: CatalogPayload,
  checker: SchemaChecker = createSchemaChecker(),
  /** Longest name of a tool or prompt; a longer one gets its alias. */
  longest = LONGEST,
): Catalog {
  const problems = [...payload.problems]
  return {
    serverId: server.id,
    serverName: server.name,
    era: payload.era,
    hello: payload.hello,
    tools: toolsOf(server.name, payload, checker, problems, longest),
    prompts: promptsOf(server.name, payload.prompts, problems, longest),
    resources: resourcesOf(payload.resources, problems),
    templates: templatesOf(payload.templates, problems),
    problems,
    fetchedAt: payload.fetchedAt,
  }
}

/** To judge a schema takes some microseconds for each of its parts, and nothing else happens meanwhile. */
const MOST_PARTS = 250_000

function toolsOf(
  server: string,
  payload: CatalogPayload,
  checker: SchemaChecker,
  problems: string[],
  longest: number,
): Map<string, ToolEntry> {
  const tools = new Map<string, ToolEntry>()
  const publicNames = new Map<string, string>()
  let room = MOST_PARTS
  for (const definition of named(payload.tools, 'tool', problems)) {
    const { name } = definition
    const offered = ownName(name, longest)
    const shown = publicName(server, name, longest)
    const owner = publicNames.get(shown) ?? tools.get(offered)?.name
    if (owner !== undefined) {
      problems.push(`The tool ${show(name)} is left out: its name clashes with ${show(owner)}.`)
      continue
    }
    publicNames.set(shown, name)
    room -= partsOf(definition.inputSchema)
    const hidden =
      room < 0
        ? `Hidden because the input schemas of this server have more than ${MOST_PARTS} parts together.`
        : hiddenBecause(definition, payload, checker)
    const inputSchema = isObject(definition.inputSchema) ? definition.inputSchema : {}
    tools.set(offered, {
      name,
      publicName: shown,
      definition: { ...definition, inputSchema },
      ownFragment: fragment(definition, offered),
      publicFragment: fragment(definition, shown),
      hidden,
      check: hidden === null ? checker.checkOf(inputSchema) : () => null,
    })
  }
  return tools
}

function hiddenBecause(
  definition: JsonObject,
  { overHttp }: CatalogPayload,
  checker: SchemaChecker,
): string | null {
  const problem = checker.problem(definition.inputSchema)
  if (problem) return `Hidden because ${problem}.`
  if (!overHttp) return null
  const headers = paramHeadersOf(definition.inputSchema as JsonObject)
  return 'invalid' in headers ? `Hidden because ${headers.invalid}.` : null
}

function promptsOf(
  server: string,
  list: JsonObject[],
  problems: string[],
  longest: number,
): Map<string, NamedEntry> {
  const prompts = new Map<string, NamedEntry>()
  for (const definition of named(list, 'prompt', problems)) {
    const { name } = definition
    const offered = ownName(name, longest)
    const shown = publicName(server, name, longest)
    if (prompts.has(offered)) {
      problems.push(`The prompt ${show(name)} is left out: its name is there twice.`)
      continue
    }
    prompts.set(offered, {
      name,
      publicName: shown,
      ownFragment: fragment(definition, offered),
      publicFragment: fragment(definition, shown),
    })
  }
  return prompts
}

function resourcesOf(list: JsonObject[], problems: string[]): Map<string, ResourceEntry> {
  const resources = new Map<string, ResourceEntry>()
  for (const definition of sortedBy(list, 'uri')) {
    const { uri } = definition
    if (typeof uri !== 'string') problems.push('A resource without a URI is left out.')
    else if (!resources.has(uri)) resources.set(uri, { uri, fragment: JSON.stringify(definition) })
  }
  return resources
}

function templatesOf(list: JsonObject[], problems: string[]): TemplateEntry[] {
  const templates = new Map<string, TemplateEntry>()
  for (const definition of sortedBy(list, 'uriTemplate')) {
    const { uriTemplate } = definition
    if (typeof uriTemplate !== 'string')
      problems.push('A resource template without a URI template is left out.')
    else if (!templates.has(uriTemplate)) {
      templates.set(uriTemplate, {
        uriTemplate,
        fragment: JSON.stringify(definition),
        matches: templateMatcher(uriTemplate),
      })
    }
  }
  return [...templates.values()]
}

function named(
  list: JsonObject[],
  what: string,
  problems: string[],
): (JsonObject & { name: string })[] {
  return sortedBy(list, 'name').filter(
    (definition): definition is JsonObject & { name: string } => {
      const good = typeof definition.name === 'string' && definition.name !== ''
      if (!good) problems.push(`A ${what} without a name is left out.`)
      return good
    },
  )
}

/** Bytes, not a language, decide the order. Definitions with equal keys keep the server's order. */
const sortedBy = (list: JsonObject[], key: string): JsonObject[] =>
  list
    .filter(isObject)
    .map((definition) => ({ definition, by: String(definition[key]) }))
    .sort((a, b) => (a.by < b.by ? -1 : a.by > b.by ? 1 : 0))
    .map(({ definition }) => definition)

/** The definition under another name, in the server's own order of fields. */
const fragment = (definition: JsonObject, name: string) => JSON.stringify({ ...definition, name })

/** Foreign names in messages: short, without invisible characters. */
const show = (name: string) => `"${name.replace(/[\p{Cc}\p{Cf}]/gu, '?').slice(0, 80)}"`

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
