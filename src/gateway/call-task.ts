// Requests about a task that was made before: for the client that was given it, and for no other.
import type { Server } from '../servers/server.ts'
import { callTool } from './call-tool.ts'
import type { Call, GatewayDeps } from './gateway.ts'
import { isObject } from './message.ts'
import { resolve, serversOf } from './resolve.ts'
import { invalidParams, methodNotFound } from './rpc-error.ts'
import { offersTasks } from './tasks.ts'

/** tasks/get and its sisters: an id that this client was not given is unknown to it. */
export async function callTask(deps: GatewayDeps, call: Call): Promise<void> {
  const { taskId } = call.message.params
  const [server] = serversOf(deps.views, call.endpoint)
  const capabilities = server && deps.views.catalog(server)?.hello.capabilities
  if (!offersTasks(capabilities)) throw methodNotFound(call.message.method)
  const own =
    call.endpoint.kind === 'server' &&
    server !== undefined &&
    typeof taskId === 'string' &&
    (await deps.tasks.areOf(call.principal, server, [taskId]))
  await callTool(deps, call, (...asked) => {
    const target = resolve(...asked)
    if (!own && target.decision.effect === 'permit') throw unknownTask()
    return target
  })
}

/** @throws RpcFailure when somebody wants to follow tasks that are not his */
export async function checkFollowed(deps: GatewayDeps, call: Call, server: Server): Promise<void> {
  const { notifications } = call.message.params
  const ids = isObject(notifications) ? notifications.taskIds : undefined
  if (ids === undefined) return
  const strings = Array.isArray(ids) && ids.every((id) => typeof id === 'string')
  if (!strings || !(await deps.tasks.areOf(call.principal, server, ids))) throw unknownTask()
}

const unknownTask = () =>
  invalidParams('Unknown task: it has ended, or this client did not get it.')
