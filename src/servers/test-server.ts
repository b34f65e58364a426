// Connects to a server the way the gateway does, reads what it offers, and hangs up: `servers add`, `servers test`.
import { buildCatalog } from '../catalog/build.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { AppError } from '../kernel/app-error.ts'
import { type Clock, seconds } from '../kernel/time.ts'
import { SHARED_LINK } from './catalogs.ts'
import { deadlineOf } from './deadline.ts'
import type { Opener } from './open-link.ts'
import { readCatalog } from './read-catalog.ts'
import type { Server, ServerSecret } from './server.ts'
import { checkNewSpec, checkSecret } from './server-input.ts'

const DEADLINE = seconds(100)

/**
 * `server` need not be stored: give it any id and revision 0.
 * @throws AppError as Opener.open, and server_garbage when its lists cannot be read
 */
export async function testServer(
  deps: { clock: Clock; opener: Pick<Opener, 'open'> },
  server: Pick<Server, 'id' | 'name' | 'spec' | 'revision'>,
  secret: ServerSecret,
): Promise<Catalog> {
  const spec = checkNewSpec(server.spec)
  checkSecret(spec, secret)
  const tested: Server = { ...server, spec, permit: 'none', people: null, owner: 'admin' }
  const limit = deadlineOf(
    deps.clock,
    DEADLINE,
    undefined,
    () =>
      new AppError('server_timeout', `${server.name} did not answer within ${DEADLINE / 1000} s.`, {
        remedy: 'Check that it runs, and try again.',
      }),
  )
  try {
    const link = await deps.opener.open(tested, secret, SHARED_LINK, { signal: limit.signal })
    try {
      return buildCatalog(server, await readCatalog(link, tested, limit.signal, deps.clock.now))
    } finally {
      await link.close()
    }
  } finally {
    limit.clear()
  }
}
