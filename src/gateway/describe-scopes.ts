// What a scope means to one person, in plain language, for the consent page: the tools behind it and whether they ask.
import { decide } from '../access/decide.ts'
import { ALL_SCOPE, type Level, levelOf } from '../access/scopes.ts'
import type { Server } from '../servers/server.ts'
import type { Views } from './views.ts'

export interface DescribedScope {
  name: string
  title: string
  description: string
  required: boolean
}

const VERBS: Record<Level, string> = {
  read: 'Read from',
  write: 'Write to',
  admin: 'Change and delete in',
}
const ORDER: Level[] = ['read', 'write', 'admin']

export function describeScopes(
  views: Views,
  {
    userId,
    serverName,
    scopes,
  }: { userId: string; serverName: string | null; scopes: readonly string[] },
): DescribedScope[] {
  const open = views.servers.filter(
    (server) =>
      (serverName === null || server.name === serverName) &&
      (server.people === null || server.people.has(userId)),
  )
  // `mcp` implies every other scope: beside it they would be a list of boxes that change nothing.
  const shown = scopes.includes(ALL_SCOPE) ? [ALL_SCOPE] : scopes
  const single = shown.length === 1
  return shown.map((scope) => {
    if (scope === ALL_SCOPE) {
      const title = serverName === null ? 'Use your tools' : `Use the tools of ${serverName}`
      return {
        name: scope,
        title,
        description: counted(views, userId, scope, open),
        required: single,
      }
    }
    const [name = '', level = ''] = scope.split(':')
    const server = open.filter((candidate) => candidate.name === name)
    const verb = VERBS[level as Level] ?? 'Use'
    return {
      name: scope,
      title: `${verb} ${name}`,
      description: counted(views, userId, scope, server, level as Level),
      required: single,
    }
  })
}

const NAMED = 6

/** "58 tools of 6 servers run without asking, 19 ask first: search, save and 75 more." */
function counted(
  views: Views,
  userId: string,
  scope: string,
  servers: readonly Server[],
  level?: Level,
): string {
  let runs = 0
  let asks = 0
  const names: string[] = []
  const reached = new Set<string>()
  for (const server of servers) {
    for (const [name, tool] of views.catalog(server)?.tools ?? []) {
      if (tool.hidden !== null) continue
      if (level && ORDER.indexOf(levelOf(tool.definition.annotations)) > ORDER.indexOf(level))
        continue
      const decision = decide({
        user: { id: userId },
        scopes: new Set([scope]),
        server,
        tool: tool.definition,
      })
      if (decision.effect === 'forbid') continue
      reached.add(server.name)
      names.push(name)
      if (decision.effect === 'permit') runs++
      else asks++
    }
  }
  if (names.length === 0) return 'No tools yet.'
  const of =
    servers.length === 1 && level
      ? ''
      : ` of ${reached.size} ${reached.size === 1 ? 'server' : 'servers'}`
  const tools = (n: number) => `${n} ${n === 1 ? 'tool' : 'tools'}`
  const run = `${tools(runs)}${of} ${runs === 1 ? 'runs' : 'run'} without asking`
  const ask = `${asks} ${asks === 1 ? 'asks' : 'ask'} first`
  const some = `: ${listed(names)}.`
  if (asks === 0) return run + some
  if (runs === 0) return `${tools(asks)}${of} ${asks === 1 ? 'asks' : 'ask'} first${some}`
  return `${run}, ${ask}${some}`
}

const listed = (names: readonly string[]) =>
  names.slice(0, NAMED).join(', ') +
  (names.length > NAMED ? ` and ${names.length - NAMED} more` : '')
