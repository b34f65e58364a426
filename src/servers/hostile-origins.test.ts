// Servers over HTTP that mean harm: compressed bombs, endless replies, redirects and endpoints that lead elsewhere.
// Every call ends with an error that names the rule, nothing else is connected to, and little memory is used.

import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { ADDRESS_FORMS } from '../../test/fixtures/address-forms.ts'
import { callOf, linkRig, toolCall } from '../../test/fixtures/link-rig.ts'
import {
  type Behaviour,
  event,
  json,
  type OddRequest,
  result,
  sessionEra,
  startOdd,
  statelessEra,
  stream,
} from '../../test/fixtures/servers/odd-http.ts'
import { createWeb, serverUrl } from './web.ts'

const rig = linkRig()
const MEGABYTE = 1024 * 1024

async function listening(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Counts who comes by. */
async function trap() {
  const seen = { port: 0, connections: 0 }
  seen.port = await listening(
    createServer((socket) => {
      seen.connections++
      socket.destroy()
    }),
  )
  return seen
}

/** A TCP server that answers every request with the same bytes. */
const raw = (speak: (socket: Socket) => void) =>
  listening(
    createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => speak(socket))
    }),
  )

const odd = async (behaviour: Behaviour) => {
  const server = rig.uses(await startOdd(behaviour))
  return { ...server, spec: { kind: 'http' as const, url: server.url } }
}

async function withinMemory<T>(run: () => Promise<T>): Promise<T> {
  const before = process.memoryUsage().rss
  const value = await run()
  expect(process.memoryUsage().rss - before).toBeLessThan(250 * MEGABYTE)
  return value
}

const huge = (request: OddRequest) =>
  Buffer.from(
    JSON.stringify(
      result(request, { content: [{ type: 'text', text: ' '.repeat(50 * MEGABYTE) }] }),
    ),
  )
const ENCODINGS: [name: string, encode: (bytes: Buffer) => Buffer][] = [
  ['gzip', gzipSync],
  ['br', (bytes) => brotliCompressSync(bytes.subarray(0, MEGABYTE))],
  ['deflate', deflateSync],
  ['zstd', zstdCompressSync],
  ['gzip, gzip, gzip, gzip, gzip, gzip', (b) => [1, 2, 3, 4, 5, 6].reduce((x) => gzipSync(x), b)],
]

for (const [encoding, encode] of ENCODINGS) {
  for (const [era, behave] of [
    ['stateless', statelessEra],
    ['session', sessionEra],
  ] as const)
    test(`50 MB as ${encoding} from a ${era} server: refused because it is compressed, unread`, async () => {
      let bomb: Buffer | undefined
      const server = await odd(
        behave((request, res) => {
          bomb ??= encode(huge(request))
          res
            .writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
            .end(bomb)
        }),
      )
      const link = await rig.open(server.spec)
      const call = link.request(toolCall('echo'))
      await expect(call).rejects.toMatchObject({
        code: 'server_garbage',
        message: expect.stringContaining(`compressed body (${encoding})`),
      })
      for (const { headers } of server.seen) expect(headers['accept-encoding']).toBe('identity')
    })

  test(`an event stream as ${encoding} is refused, of either kind of server`, async () => {
    const bytes = encode(Buffer.from('event: endpoint\ndata: /message\n\n'.repeat(1000)))
    const behave: Behaviour = (_request, res) =>
      res
        .writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': encoding })
        .end(bytes)
    const server = await odd(behave)
    const told = { code: 'server_garbage', message: expect.stringContaining('compressed body') }
    await expect(rig.open({ kind: 'sse', url: server.url })).rejects.toMatchObject(told)
    await expect(rig.open(server.spec)).rejects.toMatchObject(told)
  })
}

test('an encoded refusal is a refusal, without its text', async () => {
  const server = await odd((_request, res) =>
    res.writeHead(401, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(MEGABYTE))),
  )
  await expect(rig.open(server.spec)).rejects.toMatchObject({ code: 'server_refused' })
})

test('identity in any spelling is no encoding', async () => {
  const server = await odd(
    statelessEra((request, res) =>
      json(res, 200, result(request, { content: [] }), { 'content-encoding': ' Identity' }),
    ),
  )
  const link = await rig.open(server.spec)
  expect((await link.request(toolCall('echo'))).result).toEqual({ content: [] })
})

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const pump = (socket: Socket, piece: Buffer) => {
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  }
  socket.on('drain', more)
  more()
}

test.each<[string, (socket: Socket) => void, string, RegExp]>([
  [
    'endless headers',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      pump(socket, Buffer.from(`x-filler: ${'a'.repeat(1000)}\r\n`))
    },
    'server_garbage',
    /not HTTP/,
  ],
  [
    'an endless body',
    (socket) => {
      socket.write(`${HEAD}\r\n`)
      pump(socket, Buffer.alloc(64 * 1024, ' '))
    },
    'server_garbage',
    /more than 33554432 bytes/,
  ],
  [
    'a body shorter than it says',
    (socket) => socket.end(`${HEAD}content-length: 100\r\n\r\n{"jsonrpc"`),
    'server_closed',
    /closed the connection/,
  ],
  [
    'a length that is no number',
    (socket) => socket.end(`${HEAD}content-length: 1x\r\n\r\n{}`),
    'server_garbage',
    /not HTTP/,
  ],
  [
    'a length beside chunks',
    (socket) => socket.end(`${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`),
    'server_garbage',
    /not HTTP/,
  ],
])('%s from a server is an error in words', async (_name, speak, code, words) => {
  const url = `http://127.0.0.1:${await raw(speak)}/mcp`
  const opened = withinMemory(() =>
    rig.open({ kind: 'http', url }).then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
  expect(await opened).toMatchObject({ code, message: expect.stringMatching(words) })
})

test('headers that drip, and a body that drips, end at the deadline of the call', async () => {
  for (const head of ['HTTP/1.1 200 OK\r\nx: ', `${HEAD}\r\n`]) {
    const port = await raw((socket) => {
      socket.write(head)
      const drip = setInterval(() => socket.write('x'), 20)
      socket.on('close', () => clearInterval(drip))
    })
    const web = rig.uses(createWeb())
    const signal = AbortSignal.timeout(300)
    const target = { name: 'notes', url: serverUrl(`http://127.0.0.1:${port}/mcp`), secrets: [] }
    const run = async () => {
      const reply = await web.send(target, { method: 'GET', headers: {}, signal, deadline: 60_000 })
      await reply.body.toArray()
    }
    await expect(run()).rejects.toThrow(/timeout|aborted/i)
  }
})

const ELSEWHERE = (port: number) => [
  `http://127.0.0.2:${port}/`,
  `http://localhost:${port}/mcp`,
  `http://[::1]:${port}/mcp`,
  `http://169.254.169.254/latest/meta-data/`,
  `//127.0.0.1:${port}/mcp`,
  `file:///etc/passwd`,
]

test.each([301, 302, 303, 307, 308])(
  'a redirect (%i) is followed by neither kind of server',
  async (status) => {
    const away = await trap()
    for (const location of ELSEWHERE(away.port)) {
      const server = await odd((_request, res) => res.writeHead(status, { location }).end())
      for (const kind of ['http', 'sse'] as const)
        await expect(rig.open({ kind, url: server.url })).rejects.toMatchObject({
          code: 'server_unreachable',
          message: expect.stringContaining('redirects are not followed'),
        })
      await server.close()
    }
    expect(away.connections).toBe(0)
  },
)

test('an endpoint on another origin is posted to by nobody', async () => {
  const away = await trap()
  const places = [
    ...ELSEWHERE(away.port),
    `http:\\\\127.0.0.1:${away.port}\\mcp`,
    `http://127.0.0.1:${away.port}/mcp`,
    `HTTP://0x7f.1:${away.port}/mcp`,
    `ws://127.0.0.1:${away.port}/mcp`,
    `https://169.254.169.254/`,
    'javascript:alert(1)',
  ]
  for (const endpoint of places) {
    const server = await odd((_request, res) => {
      stream(res).write(`event: endpoint\ndata: ${endpoint}\n\n`)
    })
    await expect(rig.open({ kind: 'sse', url: server.url })).rejects.toMatchObject({
      code: 'server_garbage',
      message: expect.stringContaining('not on its own origin'),
    })
    await server.close()
  }
  expect(away.connections).toBe(0)
})

test('an endpoint with a user name on the own origin gets no user name', async () => {
  const server = await odd((request, res) => {
    if (request.method !== 'GET') return res.writeHead(410).end()
    const { host } = request.headers
    return stream(res).write(`event: endpoint\ndata: http://admin:pw@${host}/message\n\n`)
  })
  await expect(rig.open({ kind: 'sse', url: server.url })).rejects.toThrow()
  const post = server.seen.find(({ method }) => method === 'POST')
  expect(post?.path).toBe('/message')
  expect(post?.headers.authorization).toBeUndefined()
})

/** Metadata and host services of clouds, and addresses that are nobody's. */
const NEVER = new Set([
  ...['169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254'],
  ...['fd00:ec2::23', '64:ff9b::a9fe:a9fe', '0.0.0.0', '::', 'fe80::1', 'ff02::1', '224.0.0.1'],
  '255.255.255.255',
])

test('no form of a metadata service or host service can be the address of a server', () => {
  const forms = ADDRESS_FORMS.filter(([, address]) => NEVER.has(address))
  expect(forms.length).toBeGreaterThan(12)
  for (const [literal] of forms)
    for (const scheme of ['http', 'https'])
      expect(() => serverUrl(`${scheme}://${literal}/mcp`), literal).toThrow(/not public/)
})

test('an id of an event that could not be sent back is not used to resume', async () => {
  let gets = 0
  const server = await odd(
    sessionEra((request, res) => {
      if (request.method === 'GET') gets++
      stream(res).end(`id: ${'9'.repeat(100_000)}\ndata: \n\n`)
    }),
  )
  const link = await rig.open(server.spec)
  await expect(link.request(callOf('tools/list'))).rejects.toMatchObject({ code: 'server_closed' })
  expect(gets).toBe(0)
})

test('a stream in millions of pieces of one byte costs its bytes, not more', async () => {
  const { sseEvents } = await import('./sse-events.ts')
  async function* pieces() {
    const one = Buffer.from('x')
    for (let i = 0; i < 2 * MEGABYTE; i++) yield one
    yield Buffer.from(event({}))
  }
  const before = process.memoryUsage().rss
  let length = 0
  for await (const { data } of sseEvents(pieces())) length += data.length
  expect(length).toBeGreaterThan(0)
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * MEGABYTE)
})
