// From what the client asked for to one server and its own name for it, and the decision about it.
import { type Decision, decide } from '../access/decide.ts'
import type { Level } from '../access/scopes.ts'
import type { Catalog, ToolEntry } from '../catalog/catalog.ts'
import type { Principal } from '../grants/principal.ts'
import { AppError } from '../kernel/app-error.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import type { Server } from '../servers/server.ts'
import type { Endpoint } from './endpoint-path.ts'
import { isObject } from './message.ts'
import { invalidParams, methodNotFound } from './rpc-error.ts'
import type { Views } from './views.ts'

export interface Target {
  server: Server
  /** Tool, prompt or resource as its server calls it. */
  name: string
  tool: ToolEntry | null
  /** The server's params where they differ from the client's; null when only the name has to be replaced, or nothing. */
  params: JsonObject | null
  decision: Decision
}

/** Methods that reach a server, and the member of params that says which. */
export const TARGETED: Record<string, 'name' | 'uri' | 'ref' | 'taskId'> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'resources/subscribe': 'uri',
  'resources/unsubscribe': 'uri',
  'completion/complete': 'ref',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/result': 'taskId',
  'tasks/cancel': 'taskId',
}

/** The call that made the task was decided by the rules of its tool; these need the scope of a write besides. */
const CHANGES_TASK = new Set(['tasks/update', 'tasks/cancel'])

/** @throws RpcFailure when nothing answers to the name, or the person may not know that it does */
export function resolve(
  views: Views,
  principal: Principal,
  endpoint: Endpoint,
  method: string,
  params: JsonObject,
): Target {
  const servers = serversOf(views, endpoint)
  switch (TARGETED[method]) {
    case 'name':
      return method === 'tools/call'
        ? tool(views, principal, endpoint, servers, stringOf(params, 'name'))
        : prompt(views, principal, endpoint, servers, stringOf(params, 'name'))
    case 'uri':
      return resource(views, principal, servers, stringOf(params, 'uri'))
    case 'ref':
      return completion(views, principal, endpoint, servers, params)
    case 'taskId': {
      const only = servers[0]
      if (endpoint.kind !== 'server' || !only) throw methodNotFound(method)
      const target = reading(principal, only, stringOf(params, 'taskId'))
      return CHANGES_TASK.has(method)
        ? { ...target, decision: decideOn(principal, only, null, 'write') }
        : target
    }
    default:
      throw methodNotFound(method)
  }
}

/** @throws AppError server_unknown */
export function serversOf(views: Views, endpoint: Endpoint): readonly Server[] {
  if (endpoint.kind === 'all') return views.servers
  const server = views.server(endpoint.server)
  if (!server) throw unknownServer(endpoint.server)
  return [server]
}

export const unknownServer = (name: string) =>
  new AppError('server_unknown', `No server is called "${name}" here.`, {
    remedy: 'Use /mcp for all servers, or /s/NAME/mcp with the name of one of them.',
  })

export function decideOn(
  principal: Principal,
  server: Server,
  entry: ToolEntry | null,
  level?: Level,
): Decision {
  return decide({
    user: principal.user,
    scopes: principal.scopes,
    server,
    ...(entry ? { tool: entry.definition } : {}),
    ...(level ? { level } : {}),
  })
}

/** Whether the server is hidden from this person altogether: then even its names are unknown. */
export const hiddenFrom = (principal: Principal, server: Server) =>
  server.people !== null && !server.people.has(principal.user.id)

function tool(
  views: Views,
  principal: Principal,
  endpoint: Endpoint,
  servers: readonly Server[],
  name: string,
): Target {
  for (const server of servers) {
    const tools = hiddenFrom(principal, server) ? undefined : views.catalog(server)?.tools
    const entry =
      tools && (endpoint.kind === 'server' ? tools.get(name) : byPublicName(tools, name))
    if (entry && entry.hidden === null) {
      const decision = decideOn(principal, server, entry)
      return { server, name: entry.name, tool: entry, params: null, decision }
    }
  }
  throw invalidParams(`Unknown tool: ${name}`, { code: 'tool_unknown' })
}

function prompt(
  views: Views,
  principal: Principal,
  endpoint: Endpoint,
  servers: readonly Server[],
  name: string,
): Target {
  for (const [server, catalog] of known(views, principal, servers)) {
    const entry =
      endpoint.kind === 'server' ? catalog.prompts.get(name) : byPublicName(catalog.prompts, name)
    if (entry) return reading(principal, server, entry.name)
  }
  throw invalidParams(`Unknown prompt: ${name}`)
}

function resource(
  views: Views,
  principal: Principal,
  servers: readonly Server[],
  uri: string,
): Target {
  const open = known(views, principal, servers)
  const owner =
    open.find(([, catalog]) => catalog.resources.has(uri)) ??
    open.find(([, catalog]) => catalog.templates.some((template) => template.matches(uri))) ??
    // One server may know more resources than it lists; several may not be guessed between.
    (open.length === 1 && open[0]?.[1].hello.capabilities.resources ? open[0] : undefined)
  if (!owner) throw invalidParams(`Resource not found: ${uri}`, { uri })
  return reading(principal, owner[0], uri)
}

function completion(
  views: Views,
  principal: Principal,
  endpoint: Endpoint,
  servers: readonly Server[],
  params: JsonObject,
): Target {
  const ref = params.ref
  if (!isObject(ref)) throw invalidParams('completion/complete needs a ref.')
  if (ref.type === 'ref/prompt') {
    const target = prompt(views, principal, endpoint, servers, stringOf(ref, 'name'))
    return { ...target, params: { ...params, ref: { ...ref, name: target.name } } }
  }
  const uri = stringOf(ref, 'uri')
  const open = known(views, principal, servers)
  const owner =
    open.find(
      ([, catalog]) =>
        catalog.resources.has(uri) ||
        catalog.templates.some((t) => t.uriTemplate === uri || t.matches(uri)),
    ) ?? (open.length === 1 ? open[0] : undefined)
  if (!owner) throw invalidParams(`Resource not found: ${uri}`, { uri })
  return { ...reading(principal, owner[0], uri), params }
}

const reading = (principal: Principal, server: Server, name: string): Target => ({
  server,
  name,
  tool: null,
  params: null,
  decision: decideOn(principal, server, null),
})

function known(
  views: Views,
  principal: Principal,
  servers: readonly Server[],
): [Server, Catalog][] {
  return servers.flatMap((server) => {
    if (hiddenFrom(principal, server)) return []
    const catalog = views.catalog(server)
    return catalog ? [[server, catalog] as [Server, Catalog]] : []
  })
}

/** Public names carry the server's name, so a linear search over servers with one look-up each is enough. */
function byPublicName<T extends { publicName: string }>(
  entries: ReadonlyMap<string, T>,
  name: string,
): T | undefined {
  let index = publicIndexes.get(entries)
  if (!index) {
    index = new Map([...entries.values()].map((entry) => [entry.publicName, entry]))
    publicIndexes.set(entries, index)
  }
  return index.get(name) as T | undefined
}

const publicIndexes = new WeakMap<object, Map<string, { publicName: string }>>()

function stringOf(params: JsonObject, key: string): string {
  const value = params[key]
  if (typeof value !== 'string') throw invalidParams(`The request needs a string "${key}".`)
  return value
}
