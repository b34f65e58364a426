// Opens a link to a server of any kind: the one place that knows all kinds.
import type { Random } from '../kernel/ids.ts'
import { type Clock, seconds } from '../kernel/time.ts'
import type { Logger } from '../telemetry/logger.ts'
import { openBuiltin } from './builtin/open-builtin.ts'
import { createEraMemory, type EraMemory } from './era-memory.ts'
import { openHttp } from './http/open-http.ts'
import type { Link, LinkFor } from './link.ts'
import type { Server, ServerSecret } from './server.ts'
import { createWeb } from './web.ts'

export interface OpenOptions {
  signal?: AbortSignal
  /** Another link for the same use, after this one was lost. */
  reopen?: () => Promise<Link>
}

export interface Opener {
  /** @throws AppError server_start, server_unreachable, server_refused, server_garbage, server_timeout, blocked_address */
  open(server: Server, secret: ServerSecret, linkFor: LinkFor, options?: OpenOptions): Promise<Link>
  readonly eras: EraMemory
  close(): Promise<void>
}

export interface OpenerDeps {
  clock: Clock
  random: Random
  log: Logger
}

/** Programs may have to install themselves first (npx). */
const START_DEADLINE = seconds(30)
const CONNECT_DEADLINE = seconds(15)

export function createOpener(deps: OpenerDeps): Opener {
  const web = createWeb()
  const eras = createEraMemory()
  return {
    eras,
    open: async (server, secret, linkFor, { signal, reopen } = {}) => {
      const opening = {
        signal: signal ?? new AbortController().signal,
        deadline: CONNECT_DEADLINE,
        reopen,
      }
      const { spec } = server
      switch (spec.kind) {
        case 'builtin':
          return openBuiltin(deps, server.name)
        case 'http':
          return openHttp({ ...deps, web, eras }, { ...server, spec }, secret, linkFor, opening)
        default:
          throw new Error(`${spec.kind} ${START_DEADLINE}`)
      }
    },
    close: () => web.close(),
  }
}
