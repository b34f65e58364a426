// JSON-RPC over one pipe that both sides write to (stdio, legacy SSE): ids and progress tokens of our own,
// answers and news brought back to the call that they belong to.
import { AppError } from '../kernel/app-error.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import type { Clock } from '../kernel/time.ts'
import { deadlineOf } from './deadline.ts'
import { META, withEnvelope } from './envelope.ts'
import type {
  Hello,
  Link,
  LinkCall,
  LinkFor,
  RpcNotification,
  RpcQuestion,
  RpcReply,
} from './link.ts'
import {
  answerMessage,
  answerTo,
  type Incoming,
  isObject,
  notificationMessage,
  ownId,
  requestMessage,
  withCallersProgressToken,
  withOwnProgressToken,
} from './rpc.ts'
import { timedOut } from './web.ts'

export interface PeerDeps {
  clock: Clock
  /** The server's name, for messages. */
  name: string
  send(message: JsonObject): Promise<void>
  /** Told of what could not be delivered; never of contents. */
  debug(error: unknown, what: string): void
}

export interface Peer {
  readonly closed: Error | null
  /** Calls that wait for an answer. */
  readonly waiting: number
  request(call: LinkCall): Promise<RpcReply>
  notify(notification: RpcNotification): Promise<void>
  onNotification(listener: (notification: RpcNotification) => void): void
  onQuestion(listener: (question: RpcQuestion) => Promise<RpcReply>): void
  /** A message from the wire. */
  receive(message: Incoming): void
  /** The answer to `id` (null: to the only call there is) arrived and cannot be used. False when no call waits for it. */
  spoil(id: number | null, why: AppError): boolean
  /** The wire is gone: every call that waits fails. */
  end(why: Error): void
}

const MOST_QUESTIONS = 100

/** For so long after a cancel no log line is taken for one of the only call there is. */
const QUIET_MS = 60_000

/** These are not to be cancelled. */
const HANDSHAKE = new Set(['initialize', 'server/discover'])

interface Waiting {
  call: LinkCall
  settle(reply: RpcReply): void
  fail(error: unknown): void
}

export function createPeer(deps: PeerDeps): Peer {
  const { name, clock } = deps
  const calls = new Map<number, Waiting>()
  let nextId = 1
  /** Questions of the server that wait for an answer. */
  let asked = 0
  let closed: Error | null = null
  let onNotification: ((notification: RpcNotification) => void) | undefined
  let onQuestion: ((question: RpcQuestion) => Promise<RpcReply>) | undefined

  /** Until then a call that was given up may still speak. */
  let quietUntil = 0

  const only = (): Waiting | undefined => (calls.size === 1 ? [...calls.values()][0] : undefined)

  /** Progress names its call, a subscription too; a log line belongs to the only call there is. */
  const callOf = ({ method, params }: RpcNotification): Waiting | null | undefined => {
    const subscription = isObject(params?._meta) ? params._meta[META.subscriptionId] : undefined
    if (subscription !== undefined) return calls.get(ownId(subscription)) ?? null
    if (method === 'notifications/progress') return calls.get(ownId(params?.progressToken)) ?? null
    if (method !== 'notifications/message') return undefined
    return clock.monotonic() < quietUntil ? undefined : only()
  }

  const take = (notification: RpcNotification) => {
    const waiting = callOf(notification)
    if (waiting === null) return
    if (!waiting) return onNotification?.(notification)
    const own = withCallersProgressToken(notification, waiting.call)
    if (own) waiting.call.onNotification?.(own)
  }

  const answer = async (id: string | number, question: RpcQuestion) => {
    // A server that asks without end gets no memory for it, and no answer.
    if (asked >= MOST_QUESTIONS) return
    asked++
    try {
      const reply = await answerTo(question, only()?.call.onQuestion ?? onQuestion)
      await deps.send(answerMessage(id, reply))
    } finally {
      asked--
    }
  }

  const cancel = (id: number) => {
    quietUntil = clock.monotonic() + QUIET_MS
    const params = { requestId: id, reason: 'The caller gave up.' }
    deps
      .send(notificationMessage({ method: 'notifications/cancelled', params }))
      .catch((error: unknown) => deps.debug(error, 'cancel was not taken'))
  }

  return {
    get closed() {
      return closed
    },
    get waiting() {
      return calls.size
    },
    request: async (call) => {
      if (closed) throw closed
      call.signal.throwIfAborted()
      const id = nextId++
      const limit = deadlineOf(clock, call.deadline, call.signal, () =>
        timedOut(name, call.deadline),
      )
      try {
        return await new Promise<RpcReply>((resolve, reject) => {
          calls.set(id, { call, settle: resolve, fail: reject })
          limit.signal.addEventListener('abort', () => {
            if (!HANDSHAKE.has(call.method) && !closed) cancel(id)
            reject(limit.signal.reason)
          })
          const message = requestMessage(id, call.method, withOwnProgressToken(call.params, id))
          deps.send(message).catch(reject)
        })
      } finally {
        limit.clear()
        calls.delete(id)
      }
    },
    notify: async (notification) => {
      if (closed) throw closed
      await deps.send(notificationMessage(notification))
    },
    onNotification: (listener) => {
      onNotification = listener
    },
    onQuestion: (listener) => {
      onQuestion = listener
    },
    receive: (message) => {
      if (message.kind === 'notification') take(message.notification)
      else if (message.kind === 'question')
        answer(message.id, message.question).catch((error: unknown) =>
          deps.debug(error, 'answer to a question was not taken'),
        )
      else if (message.kind === 'reply') calls.get(message.id as number)?.settle(message.reply)
      else
        calls.get(message.id as number)?.fail(
          new AppError('server_garbage', `${name} answered ${message.why}.`, {
            remedy: 'Report it to the makers of the server.',
          }),
        )
    },
    spoil: (id, why) => {
      const waiting = id === null ? only() : calls.get(id)
      waiting?.fail(why)
      return waiting !== undefined
    },
    end: (why) => {
      if (closed) return
      closed = why
      for (const { fail } of calls.values()) fail(why)
    },
  }
}

/** A peer that said hello is a link. */
export function peerLink(
  peer: Peer,
  hello: Hello,
  linkFor: LinkFor,
  more: Pick<Link, 'close' | 'diagnose'>,
): Link {
  const stateless = hello.era === 'stateless'
  return {
    hello,
    get closed() {
      return peer.closed
    },
    request: (call) =>
      peer.request(stateless ? { ...call, params: withEnvelope(call.params, linkFor) } : call),
    notify: peer.notify,
    onNotification: peer.onNotification,
    onQuestion: peer.onQuestion,
    ...more,
  }
}
