// The parsed path: the reply is an object, encoded for the client's era. Its outcome is on the record before the client hears it.
import { AppError, messageOf, recordable } from '../kernel/app-error.ts'
import { roomIn } from '../kernel/memory.ts'
import type { Link, RpcNotification, RpcReply } from '../servers/link.ts'
import { anotherLink } from './another-link.ts'
import { metaOf } from './classify-era.ts'
import { type CallOutcome, type CallRecord, outcomeOf } from './events.ts'
import { answerFailure, mayHaveRun } from './failure.ts'
import type { Call, GatewayDeps } from './gateway.ts'
import { isShared } from './link-for.ts'
import { heardAt, readLogLevel, UNASKED } from './log-level.ts'
import type { Target } from './resolve.ts'
import { ownerOf } from './streams.ts'
import { taskIdIn } from './tasks.ts'
import { requestAcross, requestFor } from './translate-era.ts'

export async function sendParsed(
  deps: GatewayDeps,
  call: Call,
  target: Target,
  link: Link,
  record: CallRecord,
  cancel: AbortController,
): Promise<void> {
  const { message, answer, res } = call
  // Only in the stateless era does a closed stream mean cancel (2026-07-28 Cancellation; 2025-11-25 says it does not).
  const onClose = () => {
    if (call.era === 'stateless' && !res.writableFinished)
      cancel.abort(new Error('the client closed the stream'))
  }
  res.on('close', onClose)
  // Gone already, while the link was opened or the intent was written: nothing will say so again.
  if (res.closed) onClose()
  const off = deps.answers.add(ownerOf(call), () => {
    cancel.abort(new Error('the credential was revoked'))
    res.destroy()
  })
  const room = roomIn(deps.memory, call.principal.user.id, 'the answer of the server')
  let outcome: CallOutcome
  let reply: RpcReply | null = null
  let failure: unknown = null
  try {
    cancel.signal.throwIfAborted()
    // Lost while the intent was written: nothing was sent yet.
    const live = link.closed ? await anotherLink(deps, call, target) : link
    reply = await requestAcross(call, live, {
      ...requestFor(call, target, live),
      method: message.method,
      signal: cancel.signal,
      deadline: deps.limits.callTimeoutMs,
      onNotification: (notification) => {
        if (hears(deps, call, target, notification))
          answer.notify(notification.method, notification.params)
      },
      onQuestion: (question) => answer.ask(question),
      onBytes: room.add,
    })
    outcome = outcomeOfReply(reply)
  } catch (error) {
    failure = error
    outcome = cancel.signal.aborted
      ? { outcome: 'cancelled', reason: messageOf(cancel.signal.reason), bytesOut: 0 }
      : { outcome: mayHaveRun(error) ? 'unknown' : 'error', reason: recordable(error), bytesOut: 0 }
  } finally {
    res.off('close', onClose)
    off()
    // Until the client has it: one that reads slowly holds what was made for it.
    if (res.closed || !reply) room.free()
    else res.on('close', room.free)
  }
  try {
    await deps.journal.write('workload', outcomeOf(deps, record, outcome))
    const taskId = reply?.result ? taskIdIn(reply.result) : null
    if (taskId !== null) await deps.tasks.note(call.principal, target.server, taskId)
  } catch (error) {
    // The server has run the call, but nobody could prove it: never a silent success.
    answerFailure(
      call,
      new AppError(
        'storage_unavailable',
        `The call ran, but its outcome could not be recorded, so the result is withheld. Call id: ${record.callId}.`,
        { cause: error },
      ),
    )
    return
  }
  if (reply?.result) answer.result(reply.result)
  else if (reply?.error) answer.error(reply.error, 200)
  else if (!cancel.signal.aborted) answerFailure(call, failure)
  else answer.none()
}

/** In the stateless era a request says whether it wants log messages; a session has said so, or not, for all of its own. */
function hears(
  deps: GatewayDeps,
  call: Call,
  { server }: Target,
  notification: RpcNotification,
): boolean {
  if (notification.method !== 'notifications/message') return true
  const wanted =
    call.era === 'stateless'
      ? readLogLevel(metaOf(call.message)?.['io.modelcontextprotocol/logLevel'])
      : (call.session?.logLevel ?? (isShared(deps, call, server) ? UNASKED : 'debug'))
  return wanted !== null && heardAt(wanted, notification)
}

function outcomeOfReply(reply: RpcReply): CallOutcome {
  if (reply.error)
    return {
      outcome: 'error',
      // Its words may repeat what was asked or answered; they are for the client alone.
      reason: `the server answered error ${reply.error.code}`,
      bytesOut: 0,
    }
  const bytesOut = Buffer.byteLength(JSON.stringify(reply.result))
  return reply.result.isError === true
    ? { outcome: 'error', reason: 'the tool reported an error', bytesOut }
    : { outcome: 'ok', bytesOut }
}
