// Opens a link to a server of any kind: the one place that knows all kinds.
import type { Random } from '../kernel/ids.ts'
import { type Clock, seconds } from '../kernel/time.ts'
import type { Logger } from '../telemetry/logger.ts'
import { openBuiltin } from './builtin/open-builtin.ts'
import { createEraMemory, type EraMemory } from './era-memory.ts'
import { openHttp } from './http/open-http.ts'
import type { Link, LinkFor } from './link.ts'
import type { Server, ServerSecret } from './server.ts'
import { openSse } from './sse/open-sse.ts'
import { createChildren } from './stdio/children.ts'
import { createFolders } from './stdio/folders.ts'
import { openStdio } from './stdio/open-stdio.ts'
import { createSandbox, type SandboxMode } from './stdio/sandbox.ts'
import { killStrays } from './stdio/strays.ts'
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
  /** How server programs are kept away from the gateway, in one sentence for the admin. */
  isolation(): Promise<string>
  /** Ends programs and removes folders that a killed gateway has left. Only while no other one of this data runs. */
  sweep(): Promise<void>
  /** Kills what still runs. Close the pool first. */
  close(): Promise<void>
}

export interface OpenerDeps {
  clock: Clock
  random: Random
  log: Logger
  sandbox: SandboxMode
  /** Of the gateway of one data folder, the same after a restart; nobody else's on this machine. */
  instance: string
  /** Folders and files that server programs must not see: the data folder, and wherever else secrets lie. */
  hidden: readonly string[]
  /** The gateway's own environment, of which programs get a handful of names. */
  env: NodeJS.ProcessEnv
}

/** Programs may have to install themselves first (npx). */
const START_DEADLINE = seconds(90)
const CONNECT_DEADLINE = seconds(15)

export function createOpener(deps: OpenerDeps): Opener {
  const web = createWeb()
  const eras = createEraMemory()
  const children = createChildren(deps.clock)
  const sandbox = once(() => createSandbox({ mode: deps.sandbox, hidden: deps.hidden }))
  const folders = createFolders(deps.instance, deps.log)
  let launched = 0
  const mark = () => `${deps.instance}/${process.pid}-${++launched}/`
  return {
    eras,
    open: async (server, secret, linkFor, { signal, reopen } = {}) => {
      const { spec } = server
      const stop = signal ?? new AbortController().signal
      const connecting = { signal: stop, deadline: CONNECT_DEADLINE, reopen }
      const common = { clock: deps.clock, log: deps.log, eras }
      switch (spec.kind) {
        case 'builtin':
          return openBuiltin(deps, server.name)
        case 'http':
          return openHttp({ ...common, web }, { ...server, spec }, secret, linkFor, connecting)
        case 'sse':
          return openSse({ ...common, web }, { ...server, spec }, secret, linkFor, connecting)
        case 'stdio':
          return openStdio(
            {
              ...common,
              children,
              env: deps.env,
              sandbox: await sandbox(),
              folders,
              mark,
            },
            { ...server, spec },
            secret,
            linkFor,
            { signal: stop, deadline: START_DEADLINE },
          )
      }
    },
    isolation: async () => (await sandbox()).report(),
    sweep: async () => {
      const left = await killStrays(`${deps.instance}/`)
      if (left > 0)
        deps.log.warn({ left }, 'ended server programs that an earlier gateway had left')
      await folders.sweep()
    },
    close: async () => {
      children.close()
      await web.close()
      await folders.close()
    },
  }
}

/** Runs `make` when first asked, and never again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
