// tools/list and its sisters, assembled from pre-serialised fragments: the same decision as for calling,
// hiding only what is forbidden whatever the arguments. Deterministic: servers by name, entries by name.
import type { Catalog } from '../catalog/catalog.ts'
import type { Principal } from '../grants/principal.ts'
import type { Endpoint } from './endpoint-path.ts'
import { decideOn, hiddenFrom, serversOf } from './resolve.ts'
import type { Views } from './views.ts'

/** Member of the result, by method. */
export const LISTS: Record<string, 'tools' | 'prompts' | 'resources' | 'resourceTemplates'> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
}

const MEMO_SIZE = 500

export interface Lists {
  /** The JSON array of one list, without its result object. */
  list(principal: Principal, endpoint: Endpoint, method: string): string
}

export function createLists(views: Views): Lists {
  let version = views.version
  const memo = new Map<string, string>()
  return {
    list(principal, endpoint, method) {
      if (views.version !== version) {
        version = views.version
        memo.clear()
      }
      const key = `${method} ${endpoint.path} ${principal.user.id} ${[...principal.scopes].join(' ')}`
      let array = memo.get(key)
      if (array === undefined) {
        array = assemble(views, principal, endpoint, method)
        if (memo.size >= MEMO_SIZE) memo.clear()
        memo.set(key, array)
      }
      return array
    },
  }
}

function assemble(views: Views, principal: Principal, endpoint: Endpoint, method: string): string {
  const fragments: string[] = []
  const seen = new Set<string>()
  for (const server of serversOf(views, endpoint)) {
    const catalog = views.catalog(server)
    if (!catalog || hiddenFrom(principal, server)) continue
    const own = endpoint.kind === 'server'
    if (method === 'tools/list') {
      for (const tool of catalog.tools.values()) {
        if (tool.hidden !== null || decideOn(principal, server, tool).effect === 'forbid') continue
        fragments.push(own ? tool.ownFragment : tool.publicFragment)
      }
      continue
    }
    if (decideOn(principal, server, null).effect === 'forbid') continue
    fragments.push(...readable(catalog, method, own, seen))
  }
  return `[${fragments.join(',')}]`
}

/** The first server that offers a URI keeps it; resolve() looks in the same order. */
function readable(catalog: Catalog, method: string, own: boolean, seen: Set<string>): string[] {
  if (method === 'prompts/list')
    return [...catalog.prompts.values()].map((p) => (own ? p.ownFragment : p.publicFragment))
  const entries =
    method === 'resources/list'
      ? [...catalog.resources.values()].map((r) => [r.uri, r.fragment] as const)
      : catalog.templates.map((t) => [t.uriTemplate, t.fragment] as const)
  return entries.flatMap(([key, fragment]) => {
    if (seen.has(key)) return []
    seen.add(key)
    return [fragment]
  })
}
