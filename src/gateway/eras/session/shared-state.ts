// State that a server keeps per connection, where several sessions share one: a log level and subscriptions are kept for
// each session here, and the server is told what serves all of them.
import type { Server } from '../../../servers/server.ts'
import { callTool } from '../../call-tool.ts'
import type { Call, GatewayDeps } from '../../gateway.ts'
import { isShared } from '../../link-for.ts'
import { lowestLevel, readLogLevel, UNASKED } from '../../log-level.ts'
import { decideOn, resolve, serversOf, type Target } from '../../resolve.ts'
import { invalidParams } from '../../rpc-error.ts'

const MOST_SUBSCRIPTIONS = 1000
const MOST_URI = 2048
/** Characters of all URIs that a session follows. */
const MOST_TEXT = 64 * 1024

/** Kept for the session, and filtered by it; the server of an endpoint hears the lowest level that somebody wants. */
export async function setLevel(deps: GatewayDeps, call: Call): Promise<void> {
  const { message, endpoint, session, principal } = call
  const level = readLogLevel(message.params.level)
  if (!level) throw invalidParams('logging/setLevel: there is no such level.')
  if (session) session.logLevel = level
  const only = endpoint.kind === 'server' ? serversOf(deps.views, endpoint)[0] : undefined
  if (!only || deps.views.catalog(only)?.era !== 'session') return call.answer.result({})
  const target = (): Target => ({
    server: only,
    name: 'level',
    tool: null,
    params: isShared(deps, call, only) ? { ...message.params, level: wanted(deps, call) } : null,
    decision: decideOn(principal, only, null),
  })
  return callTool(deps, call, target)
}

/** Never above what those hear who have not said: they share the server too. */
const wanted = ({ sessions }: GatewayDeps, { endpoint }: Call) =>
  lowestLevel([
    UNASKED,
    ...[...sessions.all()].map((s) => (s.endpointPath === endpoint.path ? s.logLevel : null)),
  ])

/** Noted before it is sent, so that no news is missed; a subscription that is refused is none. */
export async function subscribe(deps: GatewayDeps, call: Call): Promise<void> {
  const { uri } = call.message.params
  const subscriptions = call.session?.subscriptions
  if (typeof uri !== 'string' || !subscriptions || subscriptions.has(uri))
    return callTool(deps, call)
  if (uri.length > MOST_URI)
    throw invalidParams(`The URI of a resource to follow has at most ${MOST_URI} characters.`)
  let text = uri.length
  for (const followed of subscriptions) text += followed.length
  if (subscriptions.size >= MOST_SUBSCRIPTIONS || text > MOST_TEXT)
    throw invalidParams(`A session follows at most ${MOST_SUBSCRIPTIONS} resources.`)
  subscriptions.add(uri)
  try {
    await callTool(deps, call)
  } catch (error) {
    subscriptions.delete(uri)
    throw error
  }
}

/** Passed on unless somebody else follows the resource over the same link. */
export async function unsubscribe(deps: GatewayDeps, call: Call): Promise<void> {
  const { uri } = call.message.params
  if (typeof uri === 'string') {
    call.session?.subscriptions.delete(uri)
    const { server } = resolve(
      deps.views,
      call.principal,
      call.endpoint,
      call.message.method,
      call.message.params,
    )
    if (isShared(deps, call, server) && isFollowed(deps, server, uri)) return call.answer.result({})
  }
  return callTool(deps, call)
}

function isFollowed({ sessions }: GatewayDeps, server: Server, uri: string): boolean {
  const paths = ['/mcp', `/s/${server.name}/mcp`]
  for (const session of sessions.all())
    if (session.subscriptions.has(uri) && paths.includes(session.endpointPath)) return true
  return false
}
