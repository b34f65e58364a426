// Questions of a server to a session-era client (sampling, elicitation, roots): put on an open stream of its session
// under an id of ours, and matched when the client POSTs its answer.
import { AppError } from '../kernel/app-error.ts'
import type { RpcQuestion, RpcReply } from '../servers/link.ts'
import { noSuchMethod } from '../servers/rpc.ts'
import type { Session } from './sessions.ts'
import type { SseStream } from './sse.ts'

/** Questions that may wait for one client. */
const MOST_QUESTIONS = 100

/** What a client has to have declared for each question. */
const CAPABILITY: Record<string, string> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
}

/** @throws AppError bad_request when no stream is open to ask on, or the client cannot answer such a question */
export function askClient(
  session: Session,
  stream: SseStream | null,
  question: RpcQuestion,
): Promise<RpcReply> {
  const needed = CAPABILITY[question.method]
  if (needed === undefined || session.capabilities[needed] === undefined)
    return Promise.resolve(noSuchMethod(question.method))
  if (session.questions.size >= MOST_QUESTIONS) {
    return Promise.reject(
      new AppError('overloaded', 'The client has too many questions to answer already.'),
    )
  }
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
