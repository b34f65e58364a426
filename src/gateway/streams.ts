// Every open stream, by the credential that opened it, so that a revoke can close them at once.

import type { Principal } from '../grants/principal.ts'
import { AppError } from '../kernel/app-error.ts'

export interface StreamOwner {
  principalId: string
  userId: string
}

export const ownerOf = ({ principal }: { principal: Principal }): StreamOwner => ({
  principalId: principal.id,
  userId: principal.user.id,
})

export interface Streams {
  /** Returns the function that takes the stream off the register. */
  add(owner: StreamOwner, close: () => void): () => void
  /** @throws AppError rate_limited when the person's clients hold as many as they may */
  checkRoom(owner: StreamOwner): void
  closeOf(ref: string): void
  closeAll(): void
  readonly size: number
}

const RETRY_SECONDS = 30

export function createStreams(perUser = Number.POSITIVE_INFINITY): Streams {
  const open = new Map<string, Set<() => void>>()
  let size = 0
  const closeOf = (ref: string) => {
    for (const close of [...(open.get(ref) ?? [])]) close()
  }
  return {
    add({ principalId, userId }, close) {
      for (const key of [principalId, userId]) {
        const set = open.get(key) ?? new Set()
        set.add(close)
        open.set(key, set)
      }
      size++
      let done = false
      return () => {
        if (done) return
        done = true
        size--
        for (const key of [principalId, userId]) {
          const set = open.get(key)
          set?.delete(close)
          if (set?.size === 0) open.delete(key)
        }
      }
    },
    checkRoom({ userId }) {
      if ((open.get(userId)?.size ?? 0) < perUser) return
      throw new AppError('rate_limited', `Your clients hold ${perUser} event streams open.`, {
        remedy: 'Close programs that you do not use, or raise limits.streams-per-user.',
        data: { limit: perUser, retryAfter: RETRY_SECONDS },
      })
    },
    closeOf,
    closeAll: () => [...open.keys()].forEach(closeOf),
    get size() {
      return size
    },
  }
}
