// The stateless era (2026-07-28) from the door on: POST only, every request on its own.
import { callTask, checkFollowed } from '../../call-task.ts'
import { callTool } from '../../call-tool.ts'
import type { Call, GatewayDeps } from '../../gateway.ts'
import { endpointHello } from '../../hello.ts'
import { LISTS } from '../../lists.ts'
import { decideOn, resolve, serversOf, TARGETED, type Target } from '../../resolve.ts'
import { methodNotFound } from '../../rpc-error.ts'
import { ownerOf } from '../../streams.ts'
import { statelessAnswer } from './answer.ts'
import { checkEnvelope } from './envelope.ts'
import { hello } from './hello.ts'
import { listen } from './listen.ts'
import { checkParamHeaders } from './param-headers.ts'

export type StatelessCall = Omit<Call, 'session' | 'answer' | 'era'>

/** Lists and reads may be cached, but only by the person they were made for. */
const CACHEABLE = new Set([...Object.keys(LISTS), 'resources/read', 'server/discover'])
/** Targeted in the older era only. */
const REMOVED = new Set(['resources/subscribe', 'resources/unsubscribe', 'tasks/result'])
const LIST_TTL_MS = 5000

export async function post(deps: GatewayDeps, incoming: StatelessCall): Promise<void> {
  const { message, req, res } = incoming
  checkEnvelope(message, req.headers)
  if (message.kind === 'notification') {
    res.writeHead(202).end()
    return
  }
  const { method } = message
  const serverInfo = () =>
    endpointHello(deps.views, incoming.principal, incoming.endpoint).serverInfo
  const call: Call = {
    ...incoming,
    era: 'stateless',
    session: null,
    answer: statelessAnswer(
      res,
      deps.core.clock,
      deps.heartbeats,
      message.rawId ?? 'null',
      serverInfo,
      CACHEABLE.has(method),
    ),
  }
  const list = LISTS[method]
  if (list) {
    const array = deps.lists.list(call.principal, call.endpoint, method)
    const meta = JSON.stringify({ 'io.modelcontextprotocol/serverInfo': serverInfo() })
    const json = `{"jsonrpc":"2.0","id":${message.rawId},"result":{"resultType":"complete","ttlMs":${LIST_TTL_MS},"cacheScope":"private","${list}":${array},"_meta":${meta}}}`
    res
      .writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(json),
      })
      .end(json)
    return
  }
  if (method === 'server/discover') return hello(deps, call)
  if (method === 'subscriptions/listen') return subscribe(deps, call)
  if (TARGETED[method] === 'taskId' && !REMOVED.has(method)) return callTask(deps, call)
  if (TARGETED[method] && !REMOVED.has(method)) return callTool(deps, call, withHeaderCheck)
  throw methodNotFound(method)

  function withHeaderCheck(...args: Parameters<typeof resolve>): Target {
    const target = resolve(...args)
    if (target.tool)
      checkParamHeaders(target.tool.definition.inputSchema, message.params.arguments, req.headers)
    return target
  }
}

/** In front of one stateless server its own stream is passed through; otherwise it is ours. */
async function subscribe(deps: GatewayDeps, call: Call): Promise<void> {
  const server =
    call.endpoint.kind === 'server' ? serversOf(deps.views, call.endpoint)[0] : undefined
  if (server?.spec.kind !== 'http' || deps.views.catalog(server)?.era !== 'stateless')
    return listen(deps, call)
  await checkFollowed(deps, call, server)
  const owner = ownerOf(call)
  deps.streams.checkRoom(owner)
  if (call.res.closed) return
  const off = deps.streams.add(owner, () => call.res.destroy())
  call.res.on('close', off)
  return callTool(
    deps,
    call,
    (): Target => ({
      server,
      name: 'subscriptions',
      tool: null,
      params: null,
      decision: decideOn(call.principal, server, null),
    }),
  )
}
