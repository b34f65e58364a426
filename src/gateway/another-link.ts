// A second link for a call whose first one was lost before anything ran. Opening one takes time, in which the server may be
// removed, changed or forbidden: what was decided holds for the definition that it was decided on.
import { AppError } from '../kernel/app-error.ts'
import type { Link } from '../servers/link.ts'
import type { Server } from '../servers/server.ts'
import type { Call, GatewayDeps } from './gateway.ts'
import { linkFor } from './link-for.ts'
import type { Target } from './resolve.ts'
import type { Views } from './views.ts'

/** @throws AppError server_closed when the server is not what it was */
export async function anotherLink(
  deps: GatewayDeps,
  call: Call,
  { server }: Target,
): Promise<Link> {
  await unchanged(deps.views, server)
  const link = await deps.pool.link(server, linkFor(deps, call, server))
  await unchanged(deps.views, server)
  return link
}

/** @throws AppError server_closed when it is not */
export async function unchanged(views: Views, server: Server): Promise<void> {
  await views.catchUp()
  const now = views.server(server.name)
  if (now?.id === server.id && now.revision === server.revision) return
  throw new AppError('server_closed', `${server.name} was changed while the call was on its way.`, {
    remedy: 'Call again.',
  })
}
