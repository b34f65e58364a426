// Reads everything that a server offers: all pages of the four lists, bounded; a list that fails does not take
// the others with it.
import type { CatalogPayload, ListName } from '../catalog/build.ts'
import { AppError, messageOf } from '../kernel/app-error.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import type { Link } from './link.ts'
import { isObject } from './rpc.ts'
import type { Server } from './server.ts'

export const CATALOG_LIMITS = { pages: 100, items: 10_000, bytes: 32 * 1024 * 1024, pageMs: 20_000 }

const METHOD_NOT_FOUND = -32601

interface Budget {
  items: number
  bytes: number
}

/** @throws AppError when the link itself fails, or every list does */
export async function readCatalog(
  link: Link,
  server: Server,
  signal: AbortSignal,
  now: () => number,
): Promise<CatalogPayload> {
  const { capabilities } = link.hello
  const problems: string[] = []
  const failed: ListName[] = []
  const budget: Budget = { items: CATALOG_LIMITS.items, bytes: CATALOG_LIMITS.bytes }
  // A server that announces nothing at all may still have tools.
  const bare = Object.keys(capabilities).length === 0

  const list = async (
    name: ListName,
    capability: string,
    method: string,
    field: string,
  ): Promise<JsonObject[]> => {
    const announced = capabilities[capability] !== undefined
    if (!announced && !(bare && capability === 'tools')) return []
    try {
      return await readPages(link, method, field, budget, signal)
    } catch (error) {
      // Gone, or out of time: the other lists would fail the same way.
      if (link.closed || signal.aborted || !(error instanceof ListFailed)) throw error
      if (!announced || (name === 'templates' && error.rpcCode === METHOD_NOT_FOUND)) return []
      failed.push(name)
      problems.push(`${server.name} could not list its ${name}: ${error.message}`)
      return []
    }
  }

  const tools = await list('tools', 'tools', 'tools/list', 'tools')
  const prompts = await list('prompts', 'prompts', 'prompts/list', 'prompts')
  const resources = await list('resources', 'resources', 'resources/list', 'resources')
  const templates = await list(
    'templates',
    'resources',
    'resources/templates/list',
    'resourceTemplates',
  )
  const { protocolVersion, serverInfo, instructions } = link.hello
  return {
    era: link.hello.era,
    overHttp: server.spec.kind === 'http',
    hello: {
      protocolVersion,
      serverInfo,
      capabilities,
      ...(instructions === undefined ? {} : { instructions }),
    },
    tools,
    prompts,
    resources,
    templates,
    failed,
    problems,
    fetchedAt: now(),
  }
}

async function readPages(
  link: Link,
  method: string,
  field: string,
  budget: Budget,
  signal: AbortSignal,
): Promise<JsonObject[]> {
  const found: JsonObject[] = []
  const seen = new Set<string>()
  let cursor: string | undefined
  for (let page = 0; page < CATALOG_LIMITS.pages; page++) {
    const result = await onePage(link, method, cursor, signal)
    const items = result[field]
    if (!Array.isArray(items)) throw new ListFailed(`the answer has no ${field}`)
    budget.items -= items.length
    budget.bytes -= JSON.stringify(items).length
    if (budget.items < 0) throw new ListFailed(`more than ${CATALOG_LIMITS.items} entries`)
    if (budget.bytes < 0) throw new ListFailed(`more than ${CATALOG_LIMITS.bytes} bytes`)
    found.push(...items.filter(isObject))
    const { nextCursor } = result
    if (typeof nextCursor !== 'string' || nextCursor === '') return found
    if (seen.has(nextCursor)) throw new ListFailed('the pages go round in a circle')
    seen.add(nextCursor)
    cursor = nextCursor
  }
  throw new ListFailed(`more than ${CATALOG_LIMITS.pages} pages`)
}

async function onePage(
  link: Link,
  method: string,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<JsonObject> {
  let reply: Awaited<ReturnType<Link['request']>>
  try {
    const params = cursor === undefined ? {} : { cursor }
    reply = await link.request({ method, params, signal, deadline: CATALOG_LIMITS.pageMs })
  } catch (error) {
    if (
      error instanceof AppError &&
      (error.code === 'server_timeout' || error.code === 'server_garbage')
    )
      throw new ListFailed(messageOf(error))
    throw error
  }
  if (reply.error)
    throw new ListFailed(`${reply.error.message} (${reply.error.code})`, reply.error.code)
  return reply.result
}

class ListFailed extends Error {
  readonly rpcCode: number | undefined
  constructor(message: string, rpcCode?: number) {
    super(message)
    this.rpcCode = rpcCode
  }
}
