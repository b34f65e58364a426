// The connection that hears of changes of other processes, when Postgres is away for a while.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { storeOpener } from '../../test/fixtures/stores.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { listenForHints } from './postgres-hint.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** In front of a real Postgres: cuts and refuses while it is told to. */
async function inFront(url: string) {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let away = false
  let attempts = 0
  const server = createServer((client) => {
    attempts++
    client.on('error', () => undefined)
    if (away) return client.destroy()
    const database = connect(Number(port), hostname)
    database.on('error', () => undefined)
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        database.destroy()
      })
    }
    return client.pipe(database).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  const there = new URL(url)
  there.hostname = '127.0.0.1'
  there.port = String((server.address() as AddressInfo).port)
  return {
    url: there.href,
    attempts: () => attempts,
    open: () => sockets.size / 2,
    goAway: async () => {
      away = true
      const gone = [...sockets].map((socket) => once(socket, 'close'))
      for (const socket of sockets) socket.destroy()
      await Promise.all(gone)
    },
    comeBack: () => {
      away = false
    },
  }
}

describe.skipIf(!process.env.MOORING_TEST_POSTGRES_URL)('listening to Postgres', () => {
  const open = storeOpener('postgres')

  it('tries again once a second while it is away, and holds one connection afterwards', async () => {
    const { where } = await open()
    const database = await inFront('url' in where ? where.url : '')
    const clock = manualClock()
    const hints = await listenForHints(database.url, 'self', clock, silentLogger())
    closers.push(() => hints.stop())
    await database.goAway()
    for (let second = 1; second <= 6; second++) {
      await vi.waitFor(() => {
        clock.advance(1000)
        expect(database.attempts()).toBeGreaterThan(second)
      })
      // All that a failed attempt sets off is set off before the next second.
      await new Promise((resolve) => setImmediate(resolve))
      expect(database.attempts()).toBeLessThanOrEqual(second + 2)
    }
    database.comeBack()
    const heard = vi.fn()
    hints.onHint(heard)
    await vi.waitFor(() => {
      clock.advance(1000)
      expect(heard).toHaveBeenCalled()
    })
    expect(database.open()).toBe(1)
    expect(await hints.alone()).toBe(false)
  })
})
