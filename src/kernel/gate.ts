// At most so many pieces of work at once; the others wait their turn, or give up with their signal.

export interface Gate {
  /** @throws the signal's reason when it aborts before the turn comes; whatever `work` throws */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

export function createGate(most: number): Gate {
  let free = most
  const waiting = new Set<() => void>()
  const turn = (signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        waiting.delete(enter)
        reject(signal?.reason as Error)
      }
      waiting.add(enter)
      signal?.addEventListener('abort', leave, { once: true })
    })
  const next = () => {
    const [enter] = waiting
    if (enter === undefined) {
      free++
      return
    }
    waiting.delete(enter)
    enter()
  }
  return {
    run: async (work, signal) => {
      signal?.throwIfAborted()
      if (free > 0) free--
      else await turn(signal)
      try {
        return await work()
      } finally {
        next()
      }
    },
  }
}
