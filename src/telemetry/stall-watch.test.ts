import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../kernel/time.ts'
import { createLogger } from './logger.ts'
import { watchStalls } from './stall-watch.ts'

describe('the watch over the event loop', () => {
  it('says how long the loop stood still', async () => {
    const lines: string[] = []
    const log = createLogger('warn', { write: (line) => void lines.push(line) })
    const stop = watchStalls(systemClock, log, 500)
    try {
      await new Promise<void>((resolve) => void systemClock.after(300, resolve))
      const until = performance.now() + 900
      while (performance.now() < until);
      await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0), 5000)
      const { stoodMs, msg } = JSON.parse(lines[0]!) as { stoodMs: number; msg: string }
      expect(stoodMs).toBeGreaterThanOrEqual(700)
      expect(stoodMs).toBeLessThan(5000)
      expect(msg).toContain('stood still')
    } finally {
      stop()
    }
  })
})
