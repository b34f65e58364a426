// Says so when the event loop stood still: something kept the processor, and every client waited meanwhile.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../kernel/time.ts'
import type { Logger } from './logger.ts'

/** How often the loop is looked at, and the shortest standstill that is told. */
const LOOK_MS = 1000
const RESOLUTION_MS = 100

/** Returns the function that ends it. */
export function watchStalls(clock: Clock, log: Logger, longestMs = 1000): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  const look = () => {
    const stoodMs = Math.round(delay.max / 1e6) - RESOLUTION_MS
    delay.reset()
    if (stoodMs >= longestMs)
      log.warn({ stoodMs }, 'the event loop stood still, and every client waited meanwhile')
    timer = clock.after(LOOK_MS, look)
  }
  let timer = clock.after(LOOK_MS, look)
  return () => {
    timer.cancel()
    delay.disable()
  }
}
