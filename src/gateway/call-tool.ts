// The straight line of one call to a server, for tools and for everything else that reaches one.
// Authenticated, read and classified it arrives here; see design: resolve, decide, intent, send, outcome, answer.
import { AppError, isAppError, recordable } from '../kernel/app-error.ts'
import type { Link } from '../servers/link.ts'
import { askClient } from './ask-client.ts'
import { type CallRecord, intentOf, outcomeOf, refusalOf } from './events.ts'
import type { Call, GatewayDeps } from './gateway.ts'
import { linkFor, sessionAffinity } from './link-for.ts'
import { sendParsed } from './parsed.ts'
import { resolve, type Target } from './resolve.ts'
import { RpcFailure } from './rpc-error.ts'
import { sendStreamed } from './streamed.ts'
import { authenticateAgain, upToDate } from './up-to-date.ts'
import { wireMode } from './wire-mode.ts'

/** @throws AppError | RpcFailure when it is refused or fails before an answer was begun; every throw is on the record. */
export async function callTool(
  deps: GatewayDeps,
  call: Call,
  resolveTarget = resolve,
): Promise<void> {
  const cancel = new AbortController()
  const { session, message } = call
  const rawId = message.rawId ?? ''
  // From the start: a program may take long to come up, and the client may not want to wait for it.
  session?.calls.set(rawId, cancel)
  try {
    await settled(deps, call, resolveTarget)
    const target = admitted(deps, call, resolveTarget)
    if (!target) return
    const link = await open(deps, call, target)
    const record = await beforeSending(deps, call, target, resolveTarget)
    if (!record) return
    const send = wireMode(call, link) === 'streamed' ? sendStreamed : sendParsed
    await send(deps, call, target, link, record, cancel)
  } finally {
    if (session?.calls.get(rawId) === cancel) session.calls.delete(rawId)
  }
}

/**
 * A call that is permitted is checked against the head of the store with its intent. One that would be refused has no
 * intent, so the view is brought up to date first: a tool that was added or permitted a moment ago must not be refused.
 */
async function settled(
  deps: GatewayDeps,
  call: Call,
  resolveTarget: typeof resolve,
): Promise<void> {
  try {
    const { message, principal, endpoint } = call
    const { decision } = resolveTarget(
      deps.views,
      principal,
      endpoint,
      message.method,
      message.params,
    )
    if (decision.effect === 'permit') return
  } catch (error) {
    if (!(error instanceof RpcFailure) && !isAppError(error)) throw error
  }
  await upToDate(deps, call)
}

/** Resolves, decides and checks the arguments. null: refused, and the client has been told in a tool result. */
function admitted(deps: GatewayDeps, call: Call, resolveTarget: typeof resolve): Target | null {
  const { message, principal, endpoint } = call
  let target: Target
  try {
    target = resolveTarget(deps.views, principal, endpoint, message.method, message.params)
  } catch (error) {
    deps.journal.record('auth', refusalOf(deps, call, null, recordable(error)))
    throw error
  }
  const { decision } = target
  if (decision.effect === 'forbid') {
    deps.journal.record('auth', refusalOf(deps, call, target, decision.reason))
    throw new AppError(
      decision.missingScopes ? 'insufficient_scope' : 'tool_forbidden',
      decision.reason,
      {
        ...(decision.missingScopes ? { data: { scopes: decision.missingScopes } } : {}),
      },
    )
  }
  if (decision.effect === 'ask') {
    deps.journal.record('auth', refusalOf(deps, call, target, decision.reason))
    refuseInResult(
      call,
      `${decision.reason} An administrator can let it run without asking: mooring servers set ${target.server.name} --permit all`,
    )
    return null
  }
  const problem = target.tool?.check(message.params.arguments ?? {}) ?? null
  if (problem !== null) {
    deps.journal.record('auth', refusalOf(deps, call, target, `arguments: ${problem}`))
    refuseInResult(
      call,
      `Input validation error: Invalid arguments for tool ${target.name}: ${problem}`,
    )
    return null
  }
  return target
}

const refuseInResult = (call: Call, text: string) =>
  call.answer.result({ content: [{ type: 'text', text }], isError: true })

/** A server that cannot be reached got nothing: the failure is an event, not an intent. */
async function open(deps: GatewayDeps, call: Call, target: Target): Promise<Link> {
  try {
    const use = linkFor(deps, call, target.server)
    const link = await deps.pool.link(target.server, use)
    const { session } = call
    // A question outside any call can only go to the session whose link this is.
    if (session && use.affinity === sessionAffinity(session)) {
      link.onQuestion((question) => askClient(session, session.stream, question))
    }
    return link
  } catch (error) {
    deps.journal.record('auth', refusalOf(deps, call, target, recordable(error), 'error'))
    throw error
  }
}

/**
 * Writes the intent and makes sure that nothing changed since the decision: a revoke that was acknowledged
 * before this returns is obeyed. null: refused meanwhile, and the client has been told.
 * @throws AppError storage_unavailable: then nothing is sent
 */
async function beforeSending(
  deps: GatewayDeps,
  call: Call,
  target: Target,
  resolveTarget: typeof resolve,
): Promise<CallRecord | null> {
  const record = intentOf(deps, call, target)
  const head = await deps.journal.write('workload', record.intent)
  if (head === call.decidedAt && deps.views.head === call.decidedAt) return record
  const withdrawn = (reason: string) =>
    deps.journal.record(
      'workload',
      outcomeOf(deps, record, { outcome: 'refused', reason, bytesOut: 0 }),
    )
  try {
    await deps.views.catchUp()
    await authenticateAgain(deps, call)
    const again = admitted(deps, call, resolveTarget)
    if (
      again &&
      again.name === target.name &&
      again.server.id === target.server.id &&
      again.server.revision === target.server.revision
    )
      return record
    withdrawn('decided again')
    if (again)
      throw new AppError(
        'server_closed',
        `${target.server.name} was changed while the call was on its way.`,
        { remedy: 'Call again.' },
      )
    return null
  } catch (error) {
    if (!isAppError(error, 'server_closed')) withdrawn(recordable(error))
    throw error
  }
}
