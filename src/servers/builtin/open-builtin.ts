// A link to a program inside the gateway: the same interface, no wire.
import { AppError } from '../../kernel/app-error.ts'
import { deadlineOf } from '../deadline.ts'
import type { Link, LinkCall } from '../link.ts'
import { timedOut } from '../web.ts'
import { answerDemo, type DemoDeps, demoHello } from './demo.ts'

export function openBuiltin(deps: DemoDeps, name: string): Link {
  let closed: Error | null = null
  const ended = new AbortController()
  return {
    hello: demoHello,
    get closed() {
      return closed
    },
    request: async (call: LinkCall) => {
      if (closed) throw closed
      const limit = deadlineOf(
        deps.clock,
        call.deadline,
        AbortSignal.any([call.signal, ended.signal]),
        () => timedOut(name, call.deadline),
      )
      try {
        limit.signal.throwIfAborted()
        return await answerDemo(deps, call, limit.signal)
      } finally {
        limit.clear()
      }
    },
    notify: async () => undefined,
    onNotification: () => undefined,
    onQuestion: () => undefined,
    close: async () => {
      closed ??= new AppError('server_closed', `The link to ${name} was closed.`)
      ended.abort(closed)
    },
  }
}
