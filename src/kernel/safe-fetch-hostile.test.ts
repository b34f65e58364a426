// Origins that mean harm: compressed bombs, endless and slow replies, wrong lengths, broken TLS, slow names. Every
// fetch ends with an error that names the rule, and little was read.
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { answers, failure, listen, local } from '../../test/fixtures/safe-fetch-rig.ts'
import { selfSigned } from '../../test/fixtures/self-signed.ts'
import { manualClock } from './manual-clock.ts'
import type { SafeFetchOptions } from './safe-fetch.ts'

const MEGABYTE = 1024 * 1024

/** A TCP server that says what it likes; how much of it was taken. */
async function raw(speak: (socket: Socket) => void) {
  const seen = { port: 0, connections: 0, written: 0, closed: 0 }
  const server = createTcp((socket) => {
    seen.connections++
    socket.on('error', () => undefined).resume()
    socket.on('close', () => {
      seen.closed++
      seen.written += socket.bytesWritten
    })
    speak(socket)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
  onTestFinished(() => void server.close())
  seen.port = (server.address() as AddressInfo).port
  return seen
}

const pump = (socket: Socket, piece: string | Buffer) => {
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  }
  socket.on('drain', more)
  more()
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const told = async (port: number, options: Partial<SafeFetchOptions> = {}) => {
  const before = process.memoryUsage().rss
  const error = await failure(local({ explain: true, ...options })(`http://host.test:${port}/`))
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * MEGABYTE)
  expect(error.code).toBe('fetch_failed')
  expect(error.remedy).toBeTruthy()
  return { problem: error.data?.problem, message: error.message }
}

const zeros = () => Buffer.alloc(50 * MEGABYTE)
const chain = (times: number) =>
  Array.from({ length: times }).reduce<Buffer>((inner) => gzipSync(inner), zeros())
const BOMBS: [encoding: string, bomb: () => Buffer][] = [
  ['gzip', () => gzipSync(zeros())],
  ['x-gzip', () => gzipSync(zeros())],
  ['br', () => brotliCompressSync(zeros())],
  ['deflate', () => deflateSync(zeros())],
  ['deflate', () => deflateRawSync(zeros())],
  ['zstd', () => zstdCompressSync(zeros())],
  ['gzip, gzip, gzip, gzip, gzip, gzip', () => chain(6)],
  ['identity, gzip', () => gzipSync(zeros())],
]

it.each(BOMBS)(
  '50 MB of nothing as %s is refused because it is encoded',
  async (encoding, bomb) => {
    const body = bomb()
    const server = await listen((_, res) => {
      res.writeHead(200, { 'content-encoding': encoding }).end(body)
    })
    const { problem, message } = await told(server.port)
    expect(problem).toBe('encoding')
    expect(message).toContain('compressed')
    expect(server.requests[0]?.headers['accept-encoding']).toBe('identity')
  },
)

it('an endless body is cut at the limit', async () => {
  const origin = await raw((socket) => {
    socket.write(`${HEAD}\r\n`)
    pump(socket, Buffer.alloc(64 * 1024, 'x'))
  })
  expect(await told(origin.port)).toMatchObject({ problem: 'too_large' })
  await expect.poll(() => origin.closed, { interval: 5 }).toBe(1)
  // What fits into the buffers of the system is not counted against the limit.
  expect(origin.written).toBeLessThan(20 * MEGABYTE)
})

it('endless chunks of one byte are cut at the limit', async () => {
  const origin = await raw((socket) => {
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`)
    pump(socket, '1\r\nx\r\n'.repeat(1000))
  })
  expect(await told(origin.port)).toMatchObject({ problem: 'too_large' })
})

it('endless headers are no answer', async () => {
  const origin = await raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n')
    pump(socket, 'x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(100))
  })
  expect(await told(origin.port)).toMatchObject({ problem: 'unreachable' })
  await expect.poll(() => origin.closed, { interval: 5 }).toBe(1)
  expect(origin.written).toBeLessThan(20 * MEGABYTE)
})

it('headers that drip are given up at the deadline', async () => {
  const clock = manualClock()
  const origin = await raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nx: ')
    const drip = () => {
      if (socket.destroyed) return
      socket.write('x', () => {
        clock.advance(250)
        setImmediate(drip)
      })
    }
    drip()
  })
  expect(await told(origin.port, { clock })).toMatchObject({ problem: 'unreachable' })
  await expect.poll(() => origin.closed, { interval: 5 }).toBe(1)
})

it('a server that accepts and says nothing, and one that never finishes TLS, are given up at the deadline', async () => {
  for (const scheme of ['http', 'https']) {
    const clock = manualClock()
    const origin = await raw(() => setImmediate(() => clock.advance(5_000)))
    const error = await failure(local({ clock })(`${scheme}://host.test:${origin.port}/`))
    expect(error.data?.problem).toBe('unreachable')
    await expect.poll(() => origin.closed, { interval: 5 }).toBe(1)
  }
})

it('a body shorter than it says is no body', async () => {
  const origin = await raw((socket) => {
    socket.end(`${HEAD}content-length: 100\r\n\r\n{"half":`)
  })
  expect(await told(origin.port)).toMatchObject({ problem: 'interrupted' })
})

it('of a body longer than it says, only so much is read', async () => {
  const origin = await raw((socket) => {
    socket.write(`${HEAD}content-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\nsmuggled`)
  })
  const reply = await local()(`http://host.test:${origin.port}/`)
  expect(reply.body.toString()).toBe('{}')
})

it.each([
  ['a length that is no number', 'content-length: x'],
  ['two lengths', 'content-length: 2\r\ncontent-length: 3'],
  ['a negative length', 'content-length: -1'],
  ['a length beside chunks', 'content-length: 2\r\ntransfer-encoding: chunked'],
])('%s is no answer', async (_name, header) => {
  const origin = await raw((socket) => socket.end(`${HEAD}${header}\r\n\r\n{}`))
  expect(await told(origin.port)).toMatchObject({ problem: 'unreachable' })
})

it('TLS that breaks off, speaks another protocol or has another name is no answer', async () => {
  const plain = await raw((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')),
  )
  const cut = await raw((socket) => socket.once('data', () => socket.destroy()))
  const { key, cert } = selfSigned('other.test')
  const tls = createTls({ key, cert }, (socket) => socket.on('error', () => undefined).end())
  tls.on('tlsClientError', () => undefined)
  await new Promise<void>((done) => tls.listen(0, '127.0.0.1', () => done()))
  onTestFinished(() => void tls.close())
  for (const port of [plain.port, cut.port, (tls.address() as AddressInfo).port]) {
    const fetch = local({ explain: true, ca: cert })
    const error = await failure(fetch(`https://host.test:${port}/`))
    expect(error.data?.problem).toBe('unreachable')
  }
})

it('names are looked up two at a time, and nobody waits for a slow one beyond the deadline', async () => {
  const clock = manualClock()
  let now = 0
  let most = 0
  const slow: (() => void)[] = []
  const fetch = local({
    clock,
    perOrigin: 10,
    resolve: async () => {
      most = Math.max(most, ++now)
      await new Promise<void>((done) => slow.push(done))
      now--
      return answers('127.0.0.1')
    },
  })
  const all = Array.from({ length: 6 }, (_, i) => failure(fetch(`https://h${i}.test/c`)))
  await expect.poll(() => slow.length, { interval: 5 }).toBe(2)
  clock.advance(5_000)
  for (const error of await Promise.all(all)) expect(error.data?.problem).toBe('unreachable')
  for (const done of slow.splice(0)) done()
  await new Promise((done) => setImmediate(done))
  // Those who had given up are not looked up any more.
  expect({ most, left: slow.length }).toEqual({ most: 2, left: 0 })
})

it('who waits for a turn at a busy origin waits no longer than the deadline', async () => {
  const clock = manualClock()
  const origin = await raw(() => undefined)
  const fetch = local({ clock, perOrigin: 1 })
  const all = [1, 2, 3].map(() => failure(fetch(`http://host.test:${origin.port}/`)))
  await expect.poll(() => origin.connections, { interval: 5 }).toBe(1)
  clock.advance(5_000)
  for (const error of await Promise.all(all)) expect(error.data?.problem).toBe('unreachable')
  expect(origin.connections).toBe(1)
})
