import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { manualClock } from '../kernel/manual-clock.ts'
import { systemClock } from '../kernel/time.ts'
import { createLogger } from '../telemetry/logger.ts'
import { createConnections } from './connections.ts'
import { connectionsWithin, openFilesLimit } from './descriptors.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

type Limits = { total?: number; perClient?: number; stalledMs?: number }

/** A bare server behind the caps, which answers every request as told. */
async function serverWith(
  { total = 100, perClient = 100, stalledMs = 60_000 }: Limits,
  answer: (req: IncomingMessage, res: ServerResponse) => void = (_req, res) => void res.end('ok'),
  clock = manualClock() as typeof systemClock,
) {
  const lines: string[] = []
  const server = createServer((req, res) => {
    const connection = connections.used(req.socket)
    connection.last = res
    const { refusal } = connection
    if (refusal) res.writeHead(refusal.status, { connection: 'close' }).end(refusal.code)
    else answer(req, res)
  })
  const connections = createConnections({
    clock,
    log: createLogger('warn', { write: (line) => void lines.push(line) }),
    newId: () => 'con_1',
    limits: { total, perClient },
    isProxy: () => false,
    closeIdle: () => server.closeIdleConnections(),
    stalledMs,
  })
  server.on('connection', connections.opened)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    connections.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const open = async (localAddress = '127.0.0.1') => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    closers.push(() => socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    let text = ''
    const closed = new Promise<void>((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined)
    socket.resume()
    return {
      socket,
      closed,
      ask: async () => {
        socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
        socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
        await vi.waitFor(() => expect(text).toContain('\r\n\r\n'))
        return Number(text.slice(9, 12))
      },
    }
  }
  return { open, lines }
}

const never = () => undefined

describe('connections', () => {
  it('that were never used give way to one of the same client, the oldest first', async () => {
    const { open } = await serverWith({ perClient: 2 })
    const [first, second, third] = [await open(), await open(), await open()]
    await first.closed
    expect([await second.ask(), await third.ask()]).toEqual([200, 200])
  })

  it('in use do not: one more of that client is refused, and one of another is not', async () => {
    const { open } = await serverWith({ perClient: 2 }, (_req, res) =>
      res.writeHead(200).write('.'),
    )
    for (const used of [await open(), await open()]) expect(await used.ask()).toBe(200)
    expect(await (await open()).ask()).toBe(429)
    expect(await (await open('127.0.0.2')).ask()).toBe(200)
  })

  it('that wait between two requests give way when the total is reached', async () => {
    const { open } = await serverWith({ total: 2 })
    const idle = [await open(), await open()]
    for (const used of idle) expect(await used.ask()).toBe(200)
    expect(await (await open()).ask()).toBe(200)
    await Promise.all(idle.map(({ closed }) => closed))
  })

  it('that wait between two requests give way to a newcomer of the same client', async () => {
    const { open } = await serverWith({ perClient: 2 })
    const idle = [await open(), await open()]
    for (const used of idle) expect(await used.ask()).toBe(200)
    expect(await (await open()).ask()).toBe(200)
    await Promise.all(idle.map(({ closed }) => closed))
  })

  it('over the total are told so when all others are busy', async () => {
    const { open } = await serverWith({ total: 2 }, (_req, res) => res.writeHead(200).write('.'))
    for (const used of [await open(), await open()]) expect(await used.ask()).toBe(200)
    expect(await (await open()).ask()).toBe(503)
  })

  it('that are turned away are counted in one line, then in one every ten seconds', async () => {
    const clock = manualClock()
    const { open, lines } = await serverWith({ perClient: 1 }, never, clock)
    const silent = []
    for (let n = 0; n < 6; n++) silent.push(await open())
    await Promise.all(silent.slice(0, 5).map(({ closed }) => closed))
    expect(lines).toHaveLength(1)
    clock.advance(10_000)
    expect(lines).toHaveLength(2)
    expect(lines[1]).toContain('"cut before a request":4')
    clock.advance(60_000)
    expect(lines).toHaveLength(2)
  })

  it('whose client reads nothing are cut, however long a silent call may take', async () => {
    const answered = Promise.withResolvers<Socket>()
    const silent = Promise.withResolvers<Socket>()
    const { open } = await serverWith(
      { stalledMs: 200 },
      (req, res) => {
        if (req.url === '/silent') return silent.resolve(req.socket)
        answered.resolve(req.socket)
        return void res.end(Buffer.alloc(32 * 1024 * 1024))
      },
      systemClock,
    )
    const [reader, waiting] = [await open(), await open()]
    waiting.socket.write('GET /silent HTTP/1.1\r\nhost: x\r\n\r\n')
    reader.socket.pause().write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    const socket = await answered.promise
    await vi.waitFor(() => expect(socket.destroyed).toBe(true), 10_000)
    expect((await silent.promise).destroyed).toBe(false)
  })
})

describe('the number of connections', () => {
  it('leaves descriptors for the store and server programs, but never less than half to clients', () => {
    expect(connectionsWithin(20_000, 16_000, 50)).toBe(16_000)
    expect(connectionsWithin(1024, 16_000, 50)).toBe(760)
    expect(connectionsWithin(256, 16_000, 50)).toBe(128)
    expect(connectionsWithin(256, 100, 50)).toBe(100)
    expect(openFilesLimit()).toBeGreaterThan(100)
  })
})
