// subscriptions/listen (2026-07-28 Subscriptions): one long answer that carries only what was asked for.
import { z } from 'zod'
import type { JsonObject } from '../../../kernel/mcp.ts'
import type { Call, GatewayDeps } from '../../gateway.ts'
import { endpointHello } from '../../hello.ts'
import { isObject } from '../../message.ts'
import type { ListKind } from '../../notifications.ts'
import { invalidParams } from '../../rpc-error.ts'
import { openSse } from '../../sse.ts'
import { ownerOf } from '../../streams.ts'

const SUBSCRIPTION_KEY = 'io.modelcontextprotocol/subscriptionId'

const Filter = z.looseObject({
  toolsListChanged: z.boolean().optional(),
  promptsListChanged: z.boolean().optional(),
  resourcesListChanged: z.boolean().optional(),
  resourceSubscriptions: z.array(z.string().max(4096)).max(1000).optional(),
})

export function listen(deps: GatewayDeps, call: Call): void {
  const parsed = Filter.safeParse(call.message.params.notifications ?? {})
  if (!parsed.success)
    throw invalidParams('subscriptions/listen: the notifications filter is not valid.')
  const { capabilities } = endpointHello(deps.views, call.principal, call.endpoint)
  const honoured = honour(parsed.data, capabilities)
  const owner = ownerOf(call)
  deps.streams.checkRoom(owner)
  // Nobody would ever say that it is closed.
  if (call.res.closed) return
  const stream = openSse(call.res, deps.heartbeats)
  const { rawId } = call.message
  const meta = `"_meta":{"${SUBSCRIPTION_KEY}":${rawId}}`
  const send = (method: string, params: JsonObject) => {
    const rest = JSON.stringify(params).slice(1)
    stream.send(
      `{"jsonrpc":"2.0","method":"${method}","params":{${meta}${rest === '}' ? '' : ','}${rest}}`,
    )
  }
  send('notifications/subscriptions/acknowledged', { notifications: honoured })
  const off = deps.notifications.add({
    principal: call.principal,
    endpoint: call.endpoint,
    listChanged: (kind: ListKind) => {
      if (honoured[`${kind}ListChanged`]) send(`notifications/${kind}/list_changed`, {})
    },
    resourceUpdated: (uri) => {
      if (honoured.resourceSubscriptions?.includes(uri))
        send('notifications/resources/updated', { uri })
    },
  })
  // Our own end is said aloud; a broken connection is not.
  const close = () => {
    stream.send(`{"jsonrpc":"2.0","id":${rawId},"result":{"resultType":"complete",${meta}}}`)
    stream.end()
  }
  const offStreams = deps.streams.add(owner, close)
  call.res.on('close', () => {
    off()
    offStreams()
  })
}

function honour(filter: z.infer<typeof Filter>, capabilities: JsonObject): z.infer<typeof Filter> {
  const can = (name: string, member: string) =>
    isObject(capabilities[name]) && capabilities[name][member] === true
  return {
    ...(filter.toolsListChanged && can('tools', 'listChanged') ? { toolsListChanged: true } : {}),
    ...(filter.promptsListChanged && can('prompts', 'listChanged')
      ? { promptsListChanged: true }
      : {}),
    ...(filter.resourcesListChanged && can('resources', 'listChanged')
      ? { resourcesListChanged: true }
      : {}),
    ...(filter.resourceSubscriptions && can('resources', 'subscribe')
      ? { resourceSubscriptions: filter.resourceSubscriptions }
      : {}),
  }
}
