// Opens a Streamable HTTP server: finds out its era once, then makes the link of that era
// (MCP 2026-07-28, Versioning > Backward Compatibility).
import type { Clock } from '../../kernel/time.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { readDiscovery, withEnvelope } from '../envelope.ts'
import type { EraMemory } from '../era-memory.ts'
import type { Hello, Link, LinkFor, RpcReply } from '../link.ts'
import type { Server, ServerSecret } from '../server.ts'
import { addressOf, type Web } from '../web.ts'
import { callOver } from './call.ts'
import { createPort, type Port } from './port.ts'
import { openSession, type Reopening } from './session-link.ts'
import { statelessCourse, statelessLink } from './stateless-link.ts'

export interface HttpDeps {
  clock: Clock
  log: Logger
  web: Web
  eras: EraMemory
}

export interface Opening extends Reopening {
  signal: AbortSignal
  /** Milliseconds for the whole opening. */
  deadline: number
}

export async function openHttp(
  deps: HttpDeps,
  server: Server & { spec: { kind: 'http'; url: string } },
  secret: ServerSecret,
  linkFor: LinkFor,
  opening: Opening,
): Promise<Link> {
  const url = addressOf(server.spec.url, secret)
  const port = createPort(deps, { name: server.name, url }, secret)
  const { signal, deadline } = opening
  if (deps.eras.get(server) !== 'session') {
    const hello = await discover(port, linkFor, signal, deadline)
    if (hello) {
      deps.eras.set(server, 'stateless')
      return statelessLink(port, hello, linkFor, deadline)
    }
  }
  try {
    const link = await openSession(port, linkFor, signal, deadline, opening)
    deps.eras.set(server, 'session')
    return link
  } catch (error) {
    // The server may have been updated since: the next opening looks again.
    deps.eras.forget(server)
    throw error
  }
}

/**
 * Null when the server is not of the stateless era. 401, 403 and 5xx say nothing of the era and are thrown;
 * any other answer that is not a modern one, a page in HTML included, is worth an `initialize`.
 */
async function discover(
  port: Port,
  linkFor: LinkFor,
  signal: AbortSignal,
  deadline: number,
): Promise<Hello | null> {
  let status = 0
  const course = {
    ...statelessCourse,
    check: <T extends { status: number }>(response: T) => {
      status = response.status
      return response
    },
  }
  const call = { method: 'server/discover', params: {}, signal, deadline }
  let reply: RpcReply
  try {
    reply = await callOver(port, course, 0, call, withEnvelope({}, linkFor))
  } catch (error) {
    if (status >= 400 && status < 500 && ![401, 403, 429].includes(status)) return null
    throw error
  }
  const verdict = readDiscovery(reply)
  return verdict === 'legacy' ? null : verdict.hello
}
