// A link that tells the pool when it is used and how the server does; nothing else is added to it.
import { AppError } from '../kernel/app-error.ts'
import type { Clock } from '../kernel/time.ts'
import { type Breaker, isUnhealthy } from './breaker.ts'
import type { Forward, Link } from './link.ts'
import type { PoolEntry } from './pool.ts'

export function trackedLink(link: Link, entry: PoolEntry, breaker: Breaker, clock: Clock): Link {
  const begin = () => {
    entry.inFlight++
  }
  const end = () => {
    entry.inFlight--
    entry.usedAt = clock.monotonic()
  }
  let ended = false
  const failed = (error: unknown, signal: AbortSignal) => {
    if (signal.aborted || !isUnhealthy(error)) return
    // However many calls were under way: it ended once.
    if (error === link.closed && ended) return
    ended = error === link.closed
    breaker.failure(error)
  }
  const { forward } = link
  return {
    hello: link.hello,
    get closed() {
      return link.closed
    },
    request: async (call) => {
      begin()
      try {
        const reply = await link.request(call)
        breaker.success(!call.method.endsWith('/list'))
        return reply
      } catch (error) {
        failed(error, call.signal)
        throw error
      } finally {
        end()
      }
    },
    ...(forward
      ? {
          forward: async (call: Forward) => {
            begin()
            try {
              const reply = await forward(call)
              if (reply.status < 500) breaker.success()
              else breaker.failure(new AppError('server_garbage', `HTTP ${reply.status}`))
              // In use until its bytes have passed.
              reply.body.once('close', end)
              return reply
            } catch (error) {
              end()
              failed(error, call.signal)
              throw error
            }
          },
        }
      : {}),
    notify: link.notify,
    onNotification: link.onNotification,
    onQuestion: link.onQuestion,
    close: link.close,
    ...(link.diagnose ? { diagnose: link.diagnose } : {}),
  }
}
