// Streamed or parsed, chosen per call. Streamed passes the server's bytes on untouched; parsed is for everything else.
import type { Link } from '../servers/link.ts'
import type { Call } from './gateway.ts'
import { mayMakeTask } from './tasks.ts'

export type WireMode = 'streamed' | 'parsed'

/** Capabilities that let a server ask the client something. */
const INTERACTIVE = ['sampling', 'elicitation', 'roots'] as const

export const isInteractive = (capabilities: Record<string, unknown>) =>
  INTERACTIVE.some((name) => capabilities[name] !== undefined)

export function wireMode(call: Call, link: Link): WireMode {
  if (!link.forward || link.hello.era !== call.era || !plainId(call) || call.batched)
    return 'parsed'
  // Whose a task is has to be written down.
  if (mayMakeTask(call, link)) return 'parsed'
  if (call.era === 'stateless') return 'streamed'
  // Questions of several servers on /mcp would carry clashing ids: there each one is renumbered, which needs parsing.
  const session = call.session
  // Servers behind /mcp are not told the level of one session; what it does not want to hear is left out here.
  if (call.endpoint.kind === 'all' && session?.logLevel && session.logLevel !== 'debug')
    return 'parsed'
  return session && (call.endpoint.kind === 'server' || !isInteractive(session.capabilities))
    ? 'streamed'
    : 'parsed'
}

/** An id that any server gives back unchanged. Others are kept by us and never leave. */
const plainId = ({ message: { body } }: Call) =>
  typeof body.id === 'string' ? body.id.length <= 256 : Number.isSafeInteger(body.id)
