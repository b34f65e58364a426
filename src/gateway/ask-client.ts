// Questions of a server to a session-era client (sampling, elicitation, roots): put on an open stream of its session
// under an id of ours, and matched when the client POSTs its answer.
import { AppError } from '../kernel/app-error.ts'
import type { RpcQuestion, RpcReply } from '../servers/link.ts'
import type { Session } from './sessions.ts'
import type { SseStream } from './sse.ts'

/** @throws AppError bad_request when no stream is open to ask on */
export function askClient(
  session: Session,
  stream: SseStream | null,
  question: RpcQuestion,
): Promise<RpcReply> {
  if (!stream || stream.closed) {
    return Promise.reject(
      new AppError('bad_request', 'The client cannot be asked: it has no event stream open.'),
    )
  }
  const id = JSON.stringify(`mooring-${session.nextQuestion++}`)
  return new Promise((resolve) => {
    const off = stream.onClose(() => {
      if (session.questions.delete(id)) {
        resolve({ error: { code: -32000, message: 'The client went away before it answered.' } })
      }
    })
    session.questions.set(id, (reply) => {
      off()
      resolve(reply)
    })
    const params = question.params ? `,"params":${JSON.stringify(question.params)}` : ''
    stream.send(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(question.method)}${params}}`)
  })
}
