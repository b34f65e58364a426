// What an endpoint says of itself, in either era: one server speaks for itself, /mcp for all of them.

import type { Principal } from '../grants/principal.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import type { Endpoint } from './endpoint-path.ts'
import { isObject } from './message.ts'
import { hiddenFrom, serversOf } from './resolve.ts'
import type { Views } from './views.ts'

export interface EndpointHello {
  serverInfo: JsonObject
  capabilities: JsonObject
  instructions?: string
}

export const GATEWAY_INFO = { name: 'mooring', title: 'Mooring', version: '0.1.0' }

export function endpointHello(
  views: Views,
  principal: Principal,
  endpoint: Endpoint,
): EndpointHello {
  const known = serversOf(views, endpoint).flatMap((server) => {
    const catalog = hiddenFrom(principal, server) ? null : views.catalog(server)
    return catalog ? [{ name: server.name, hello: catalog.hello }] : []
  })
  if (endpoint.kind === 'server') {
    const hello = known[0]?.hello
    if (!hello) return { serverInfo: GATEWAY_INFO, capabilities: { tools: { listChanged: true } } }
    return {
      serverInfo: hello.serverInfo,
      capabilities: withoutTaskList(hello.capabilities),
      ...(hello.instructions === undefined ? {} : { instructions: hello.instructions }),
    }
  }
  const capabilities: JsonObject = { tools: { listChanged: true } }
  const offers = (name: string) => known.some(({ hello }) => hello.capabilities[name])
  if (offers('prompts')) capabilities.prompts = { listChanged: true }
  if (offers('resources')) capabilities.resources = { listChanged: true, subscribe: true }
  if (offers('completions')) capabilities.completions = {}
  if (offers('logging')) capabilities.logging = {}
  const instructions = known.flatMap(({ name, hello }) =>
    hello.instructions ? [`Tools named ${name}__*: ${hello.instructions}`] : [],
  )
  return {
    serverInfo: GATEWAY_INFO,
    capabilities,
    ...(instructions.length > 0 ? { instructions: instructions.join('\n\n') } : {}),
  }
}

/** A server lists the tasks of everybody who shares its link: nobody is shown that. */
function withoutTaskList(capabilities: JsonObject): JsonObject {
  if (!isObject(capabilities.tasks)) return capabilities
  const { list: _, ...tasks } = capabilities.tasks
  return { ...capabilities, tasks }
}
