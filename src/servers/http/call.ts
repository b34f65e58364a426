// One request over HTTP on the parsed path, the same for both eras: deadline, progress, questions, cancel.
import type { JsonObject } from '../../kernel/mcp.ts'
import { deadlineOf } from '../deadline.ts'
import type { ForwardReply, LinkCall, RpcQuestion, RpcReply } from '../link.ts'
import {
  answerMessage,
  answerTo,
  ownId,
  requestMessage,
  withCallersProgressToken,
  withOwnProgressToken,
} from '../rpc.ts'
import { timedOut, webError } from '../web.ts'
import { discard, readAnswer } from './exchange.ts'
import type { Port } from './port.ts'

export interface Course {
  headers(message: JsonObject): Record<string, string>
  /** A status that ends the session instead of answering; checked before the answer is read. */
  check?(response: ForwardReply): Promise<ForwardReply> | ForwardReply
  resumable: boolean
  /** Told when the call ended without an answer. */
  cancelled?(id: number): void
  question?: ((question: RpcQuestion) => Promise<RpcReply>) | undefined
}

/** @throws AppError, or the reason of the caller's signal */
export async function callOver(
  port: Port,
  course: Course,
  id: number,
  call: LinkCall,
  params: JsonObject,
): Promise<RpcReply> {
  const { clock, target } = port
  const message = requestMessage(id, call.method, withOwnProgressToken(params, id))
  const headers = { ...course.headers(message), ...call.headers }
  const limit = deadlineOf(clock, call.deadline, call.signal, () =>
    timedOut(target.name, call.deadline),
  )
  const { signal } = limit
  const exchange = {
    clock,
    target,
    id,
    signal,
    deadline: call.deadline,
    onBytes: call.onBytes,
    listeners: {
      notification: (notification: Parameters<NonNullable<LinkCall['onNotification']>>[0]) => {
        const { method, params } = notification
        if (method === 'notifications/progress' && ownId(params?.progressToken) !== id) return
        const own = withCallersProgressToken(notification, call)
        if (own) call.onNotification?.(own)
      },
      question: (questionId: string | number, question: RpcQuestion) =>
        void answer(port, course, headers, call, questionId, question),
    },
    ...(course.resumable
      ? { resume: (last: string) => port.get(course.headers(message), signal, call.deadline, last) }
      : {}),
  }
  try {
    const response = await port.post(message, headers, signal, call.deadline)
    return await readAnswer(exchange, course.check ? await course.check(response) : response)
  } catch (error) {
    if (signal.aborted) course.cancelled?.(id)
    throw webError(target, signal, call.deadline, error)
  } finally {
    limit.clear()
  }
}

/** The answer to a question goes back as a POST of its own; when the call is over nobody waits for it. */
async function answer(
  port: Port,
  course: Course,
  headers: Record<string, string>,
  call: LinkCall,
  id: string | number,
  question: RpcQuestion,
): Promise<void> {
  const reply = await answerTo(question, call.onQuestion ?? course.question)
  await post(port, headers, answerMessage(id, reply)).catch((error: unknown) =>
    port.log.debug({ server: port.target.name, err: error }, 'answer to a question was not taken'),
  )
}

const POST_MS = 10_000

/** Sends a message that has no answer. @throws AppError when it does not arrive */
export async function post(
  port: Port,
  headers: Record<string, string>,
  message: JsonObject,
): Promise<ForwardReply> {
  const limit = deadlineOf(port.clock, POST_MS, undefined, () =>
    timedOut(port.target.name, POST_MS),
  )
  try {
    const response = await port.post(message, headers, limit.signal, POST_MS)
    discard(port.clock, response)
    return response
  } finally {
    limit.clear()
  }
}
