// The first words on a pipe: `server/discover`, and `initialize` when that brings nothing modern
// (MCP 2026-07-28, stdio > Backward Compatibility).
import { AppError } from '../kernel/app-error.ts'
import type { Era, JsonObject } from '../kernel/mcp.ts'
import type { Clock } from '../kernel/time.ts'
import { initializeParams, readDiscovery, readInitialized, withEnvelope } from './envelope.ts'
import type { Hello, LinkFor, RpcReply } from './link.ts'
import type { Peer } from './rpc-peer.ts'

export interface Greeting {
  clock: Clock
  name: string
  linkFor: LinkFor
  /** What is known; undefined asks. */
  era: Era | undefined
  /** How long silence means a server of the session era. */
  probeMs: number
  deadline: number
  signal: AbortSignal
  /** Told when the server gave any answer at all. */
  answered(): void
}

/** @throws AppError server_garbage, server_timeout, server_closed */
export async function handshake(peer: Peer, greeting: Greeting): Promise<Hello> {
  const { deadline } = greeting
  const ask = async (method: string, params: JsonObject, signal = greeting.signal) => {
    const reply = await peer.request({ method, params, signal, deadline })
    greeting.answered()
    return reply
  }
  if (greeting.era === 'session') return initialize(peer, greeting, ask)
  const probing = new AbortController()
  const stop = () => probing.abort(greeting.signal.reason)
  greeting.signal.addEventListener('abort', stop, { once: true })
  try {
    const probe = ask('server/discover', withEnvelope({}, greeting.linkFor), probing.signal)
    return await discoverFirst(peer, greeting, ask, probe)
  } finally {
    greeting.signal.removeEventListener('abort', stop)
    // An answer that is still to come would look like a call in flight.
    probing.abort(new AppError('server_timeout', 'The question was not needed any more.'))
  }
}

type Ask = (method: string, params: JsonObject) => Promise<RpcReply>

async function discoverFirst(
  peer: Peer,
  greeting: Greeting,
  ask: Ask,
  discovery: Promise<RpcReply>,
): Promise<Hello> {
  const patience = greeting.era === 'stateless' ? greeting.deadline : greeting.probeMs
  const reply = await orSilence(greeting.clock, patience, discovery)
  if (reply) {
    const verdict = readDiscovery(reply)
    if (verdict !== 'legacy') return verdict.hello
  }
  try {
    return await initialize(peer, greeting, ask)
  } catch (error) {
    // Slow to start, and of the stateless era after all: its answer to the first question may be here by now.
    if (reply || !(error instanceof AppError) || error.code !== 'server_garbage') throw error
    const late = await orSilence(greeting.clock, greeting.probeMs, discovery)
    const verdict = late ? readDiscovery(late) : 'legacy'
    if (verdict === 'legacy') throw error
    return verdict.hello
  }
}

async function initialize(peer: Peer, { linkFor, name }: Greeting, ask: Ask): Promise<Hello> {
  const hello = readInitialized(await ask('initialize', initializeParams(linkFor)), name)
  await peer.notify({ method: 'notifications/initialized' })
  return hello
}

/** Null after `ms` of silence. A failure of the pipe is thrown. */
function orSilence(clock: Clock, ms: number, reply: Promise<RpcReply>): Promise<RpcReply | null> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => resolve(null))
    reply.then(resolve, reject).finally(() => timer.cancel())
  })
}
