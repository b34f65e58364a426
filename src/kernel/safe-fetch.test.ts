import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { addressRules } from './address-rules.ts'
import { type AppError, isAppError } from './app-error.ts'
import { manualClock } from './manual-clock.ts'
import { checkedLookup, type ResolvedAddress } from './safe-connect.ts'
import { createSafeFetch, type SafeFetchOptions } from './safe-fetch.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

interface Listener {
  port: number
  connections: number
  requests: IncomingMessage[]
}

async function listen(
  answer: (req: IncomingMessage, res: ServerResponse) => void,
  host = '127.0.0.1',
  port = 0,
): Promise<Listener> {
  const seen: Listener = { port: 0, connections: 0, requests: [] }
  const server = createServer((req, res) => {
    seen.requests.push(req)
    answer(req, res)
  })
  server.on('connection', () => seen.connections++)
  await new Promise<void>((done) => server.listen(port, host, done))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  seen.port = (server.address() as AddressInfo).port
  return seen
}

const answers = (...addresses: string[]): ResolvedAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

const fetcher = (options: Partial<SafeFetchOptions> = {}) =>
  createSafeFetch({ userAgent: 'mooring-test', maxBytes: 5120, deadlineMs: 5_000, ...options })

/** May reach the loopback listener as `host.test`; everything else keeps the rules. */
const local = (options: Partial<SafeFetchOptions> = {}) =>
  fetcher({
    allowHttp: true,
    allowPrivate: ['host.test'],
    resolve: async () => answers('127.0.0.1'),
    ...options,
  })

async function failure(run: Promise<unknown>): Promise<AppError> {
  const error = await run.then(
    () => undefined,
    (e: unknown) => e,
  )
  if (!isAppError(error)) throw error ?? new Error('it succeeded')
  return error
}

/** Every way of writing an address that leads back to this machine, its network or its cloud. */
const FORMS: [literal: string, address: string][] = [
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.2', '127.0.0.2'],
  ['127.1', '127.0.0.1'],
  ['2130706433', '127.0.0.1'],
  ['0x7f000001', '127.0.0.1'],
  ['0x7f.0.0.1', '127.0.0.1'],
  ['0177.0.0.1', '127.0.0.1'],
  ['017700000001', '127.0.0.1'],
  ['１２７.0.0.1', '127.0.0.1'],
  ['127。0。0。1', '127.0.0.1'],
  ['%31%32%37.0.0.1', '127.0.0.1'],
  ['127.0.0.1.', '127.0.0.1'],
  ['0', '0.0.0.0'],
  ['0.0.0.0', '0.0.0.0'],
  ['[::1]', '::1'],
  ['[0:0:0:0:0:0:0:1]', '::1'],
  ['[::]', '::'],
  ['[::ffff:127.0.0.1]', '::ffff:127.0.0.1'],
  ['[::ffff:7f00:1]', '::ffff:7f00:1'],
  ['[::7f00:1]', '::7f00:1'],
  ['[::127.0.0.1]', '::127.0.0.1'],
  ['[::ffff:0:127.0.0.1]', '::ffff:0:7f00:1'],
  ['[64:ff9b::127.0.0.1]', '64:ff9b::7f00:1'],
  ['[64:ff9b:1::7f00:1]', '64:ff9b:1::7f00:1'],
  ['[2002:7f00:1::]', '2002:7f00:1::'],
  ['[2001:0:7f00:1::1]', '2001:0:7f00:1::1'],
  ['[fe80::1]', 'fe80::1'],
  ['[fd00:ec2::254]', 'fd00:ec2::254'],
  ['[fc00::1]', 'fc00::1'],
  ['[fec0::1]', 'fec0::1'],
  ['[ff02::1]', 'ff02::1'],
  ['10.0.0.1', '10.0.0.1'],
  ['172.16.0.1', '172.16.0.1'],
  ['192.168.0.1', '192.168.0.1'],
  ['169.254.169.254', '169.254.169.254'],
  ['100.64.0.1', '100.64.0.1'],
  ['100.100.100.200', '100.100.100.200'],
  ['168.63.129.16', '168.63.129.16'],
  ['198.18.0.1', '198.18.0.1'],
  ['224.0.0.1', '224.0.0.1'],
  ['255.255.255.255', '255.255.255.255'],
]

describe.each(FORMS)('the address %s', (literal, address) => {
  // Any host may use http and any port here, so that only the address can be the reason.
  const open = { allowHttp: true, ports: 'any' } as const

  it('is not reached when the URL names it', async () => {
    const trap = await listen((_, res) => res.end('secret'))
    const error = await failure(fetcher(open)(`http://${literal}:${trap.port}/`))
    expect(error.code).toBe('blocked_address')
    expect(error.data?.problem).toBe('address')
    expect(trap.connections).toBe(0)
  })

  it.each([
    ['alone', (a: string) => [a]],
    ['before a public one', (a: string) => [a, '93.184.216.34']],
    ['after a public one', (a: string) => ['93.184.216.34', a]],
  ])('is not reached when a name answers it %s', async (_, list) => {
    const trap = await listen((_, res) => res.end('secret'))
    const fetch = fetcher({ ...open, resolve: async () => answers(...list(address)) })
    const error = await failure(fetch(`http://rebind.test:${trap.port}/`))
    expect(error.code).toBe('fetch_failed')
    expect(trap.connections).toBe(0)
    const told = fetcher({ ...open, explain: true, resolve: async () => answers(...list(address)) })
    expect((await failure(told(`http://rebind.test:${trap.port}/`))).code).toBe('blocked_address')
    expect(trap.connections).toBe(0)
  })

  it('is not reached when a name answers it the second time', async () => {
    const rules = addressRules()
    const queue = [answers('93.184.216.34'), answers(address)]
    const lookup = checkedLookup(rules, async () => queue.shift()!)
    const ask = () =>
      new Promise((done) =>
        lookup('rebind.test', { all: true }, (error, list) => done(error ?? list)),
      )
    expect(await ask()).toEqual(answers('93.184.216.34'))
    expect(isAppError(await ask(), 'blocked_address')).toBe(true)
  })
})

describe('names', () => {
  it('are asked for once per request, and the connection goes to the checked answer', async () => {
    const good = await listen((_, res) => res.end('good'), '127.0.0.1')
    const trap = await listen((_, res) => res.end('trap'), '127.0.0.2', good.port)
    const queue = ['127.0.0.1', '127.0.0.2', '127.0.0.2']
    let asked = 0
    const fetch = fetcher({
      allowHttp: true,
      ports: 'any',
      allowPrivate: ['127.0.0.1/32'],
      resolve: async () => answers(queue[asked++]!),
    })
    const url = `http://rebind.test:${good.port}/`
    expect((await fetch(url)).body.toString()).toBe('good')
    expect(asked).toBe(1)
    expect((await failure(fetch(url))).code).toBe('fetch_failed')
    expect(asked).toBe(2)
    expect(good.connections).toBe(1)
    expect(trap.connections).toBe(0)
  })

  it('localhost is refused with the resolver of the system', async () => {
    const trap = await listen((_, res) => res.end('secret'))
    for (const host of ['localhost', 'LOCALHOST', 'localhost.']) {
      const fetch = fetcher({ allowHttp: true, ports: 'any' })
      expect((await failure(fetch(`http://${host}:${trap.port}/`))).code).toBe('fetch_failed')
    }
    expect(trap.connections).toBe(0)
  })

  it('an allowed name reaches its private address, and only with that name', async () => {
    const server = await listen((_, res) => res.end('ok'))
    expect((await local()(`http://host.test:${server.port}/`)).status).toBe(200)
    expect((await local()(`http://HOST.test.:${server.port}/`)).status).toBe(200)
    const error = await failure(local()(`http://other.test:${server.port}/`))
    expect(error.code).toBe('blocked_address')
    expect(server.connections).toBe(2)
  })
})

describe('what a failure tells', () => {
  it('is the same whether a port is closed, a name is unknown, or its address is private', async () => {
    const open = await listen((_, res) => res.end('secret'))
    const garbage = createTcp((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))
    await new Promise<void>((done) => garbage.listen(0, '127.0.0.1', done))
    closers.push(() => garbage.close())
    const closed = createTcp()
    await new Promise<void>((done) => closed.listen(0, '127.0.0.1', done))
    const closedPort = (closed.address() as AddressInfo).port
    await new Promise((done) => closed.close(done))

    const told = async (port: number, options: Partial<SafeFetchOptions>) => {
      const error = await failure(local(options)(`http://host.test:${port}/`))
      expect(error.message).not.toContain('127.0.0.1')
      return [error.code, error.message.replace(String(port), 'PORT'), error.remedy, error.data]
    }
    const privately = { ports: 'any', allowPrivate: [] } as const
    const refused = await told(closedPort, {})
    expect(await told(open.port, privately)).toEqual(refused)
    expect(await told(closedPort, privately)).toEqual(refused)
    expect(await told((garbage.address() as AddressInfo).port, {})).toEqual(refused)
    expect(
      await told(closedPort, {
        resolve: async () => {
          throw new Error('ENOTFOUND')
        },
      }),
    ).toEqual(refused)
    expect(await told(closedPort, { resolve: async () => [] })).toEqual(refused)
    expect(open.connections).toBe(0)
  })

  it('is the same for a server that never answers', async () => {
    const clock = manualClock()
    const silent = await listen(() => clock.advance(5_000))
    const error = await failure(local({ clock })(`http://host.test:${silent.port}/`))
    expect(error.data?.problem).toBe('unreachable')
  })
})

describe('replies', () => {
  const get = async (
    answer: (req: IncomingMessage, res: ServerResponse) => void,
    options: Partial<SafeFetchOptions> = {},
    init = {},
  ) => {
    const server = await listen(answer)
    return local(options)(`http://host.test:${server.port}/doc?x=1`, init)
  }

  it('are handed over whole, with status and headers', async () => {
    const reply = await get((_, res) => {
      res.writeHead(404, { 'content-type': 'application/json', 'x-two': ['a', 'b'] })
      res.end('{"é":1}')
    })
    expect(reply.status).toBe(404)
    expect(reply.headers.get('content-type')).toBe('application/json')
    expect(reply.headers.get('x-two')).toBe('a, b')
    expect(reply.body.toString()).toBe('{"é":1}')
  })

  it.each([301, 302, 303, 307, 308])('redirects (%i) are not followed', async (status) => {
    const trap = await listen((_, res) => res.end('secret'), '127.0.0.2')
    const error = await failure(
      get((_, res) => res.writeHead(status, { location: `http://127.0.0.2:${trap.port}/` }).end()),
    )
    expect(error.data?.problem).toBe('redirect')
    expect(error.message).toContain(String(status))
    expect(trap.connections).toBe(0)
  })

  it('compressed ones are refused unread, bombs included', async () => {
    const zeros = Buffer.alloc(50 * 1024 * 1024)
    const gzip = gzipSync(zeros)
    const chain = [1, 2, 3, 4, 5].reduce((b) => gzipSync(b), gzip)
    const bombs: [string, Buffer][] = [
      ['gzip', gzip],
      ['br', brotliCompressSync(Buffer.alloc(1024 * 1024))],
      ['gzip, gzip, gzip, gzip, gzip, gzip', chain],
      ['GZIP', gzip],
      ['deflate', Buffer.from('x')],
      ['identity, gzip', gzip],
      ['unknown', Buffer.from('x')],
    ]
    for (const [encoding, body] of bombs) {
      const error = await failure(
        get((_, res) => res.writeHead(200, { 'content-encoding': encoding }).end(body)),
      )
      expect(error.data?.problem).toBe('encoding')
    }
  })

  it('a compressed body that is not declared is just bytes, and counted as such', async () => {
    const gzip = gzipSync(Buffer.alloc(1_000_000))
    const reply = await get((_, res) => res.end(gzip))
    expect(reply.body.equals(gzip)).toBe(true)
  })

  it('too large ones are refused, whether they say their length or not', async () => {
    const exact = await get((_, res) => res.end(Buffer.alloc(5120)))
    expect(exact.body).toHaveLength(5120)
    const declared = await failure(get((_, res) => res.end(Buffer.alloc(5121))))
    expect(declared.data?.problem).toBe('too_large')
    expect(declared.message).toContain('5120 bytes')
    let ended = false
    const streamed = await failure(
      get((_, res) => {
        const pump = () => {
          while (!res.destroyed && res.write(Buffer.alloc(16_384)));
        }
        res.on('drain', pump)
        res.on('close', () => {
          ended = true
        })
        pump()
      }),
    )
    expect(streamed.data?.problem).toBe('too_large')
    await expect.poll(() => ended, { interval: 5 }).toBe(true)
    const lower = get((_, res) => res.end('12345'), {}, { maxBytes: 4 })
    expect((await failure(lower)).data?.problem).toBe('too_large')
    const higher = get((_, res) => res.end(Buffer.alloc(6000)), {}, { maxBytes: 9000 })
    expect((await failure(higher)).data?.problem).toBe('too_large')
  })

  it('a body that drips is given up at the deadline', async () => {
    const clock = manualClock()
    let drips = 0
    let closed = false
    const error = await failure(
      get(
        (_, res) => {
          res.on('close', () => {
            closed = true
          })
          res.writeHead(200)
          const drip = () => {
            if (res.destroyed) return
            drips++
            res.write('x', () => {
              clock.advance(1_000)
              setImmediate(drip)
            })
          }
          drip()
        },
        { clock },
      ),
    )
    expect(['deadline', 'unreachable']).toContain(error.data?.problem)
    expect(drips).toBeGreaterThan(1)
    await expect.poll(() => closed, { interval: 5 }).toBe(true)
  })

  it('a body that breaks off is no body', async () => {
    const error = await failure(
      get((_, res) => {
        res.writeHead(200, { 'content-length': '100' })
        res.write('half', () => res.destroy())
      }),
    )
    expect(error.data?.problem).toMatch(/interrupted|unreachable/)
  })

  it('a caller can give up', async () => {
    const stop = new AbortController()
    await expect(get(() => stop.abort(), {}, { signal: stop.signal })).rejects.toThrow()
  })
})

describe('requests', () => {
  it('carry our user agent, ask for no compression, and one connection each', async () => {
    const server = await listen((_, res) => res.end('ok'))
    const fetch = local()
    const init = {
      method: 'POST',
      headers: { Accept: 'application/json', 'Accept-Encoding': 'gzip', 'User-Agent': 'x' },
      body: '{"a":1}',
    } as const
    await fetch(`http://host.test:${server.port}/a`, init)
    await fetch(`http://host.test:${server.port}/b`)
    const [post, plain] = server.requests
    expect(post?.method).toBe('POST')
    expect(post?.headers).toMatchObject({
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'mooring-test',
      host: `host.test:${server.port}`,
    })
    expect(post?.rawHeaders.filter((h) => h.toLowerCase() === 'user-agent')).toHaveLength(1)
    expect(plain?.url).toBe('/b')
    expect(server.connections).toBe(2)
  })

  it('ignore proxies from the environment', async () => {
    const proxy = await listen((_, res) => res.end('proxied'))
    const server = await listen((_, res) => res.end('direct'))
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']
    const before = names.map((name) => process.env[name])
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`
    try {
      const reply = await local()(`http://host.test:${server.port}/`)
      expect(reply.body.toString()).toBe('direct')
    } finally {
      names.forEach((name, i) => {
        if (before[i] === undefined) delete process.env[name]
        else process.env[name] = before[i]
      })
    }
    expect(proxy.connections).toBe(0)
  })

  it('to one origin run a few at a time, wait a little, and are refused beyond', async () => {
    const held: ServerResponse[] = []
    let most = 0
    const server = await listen((_, res) => {
      held.push(res)
      most = Math.max(most, held.length)
      setImmediate(() => {
        held.splice(held.indexOf(res), 1)
        res.end('ok')
      })
    })
    const fetch = local({ perOrigin: 2, waiting: 3 })
    const url = `http://host.test:${server.port}/`
    const results = await Promise.allSettled(Array.from({ length: 7 }, () => fetch(url)))
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(5)
    for (const r of results)
      if (r.status === 'rejected') expect(isAppError(r.reason, 'overloaded')).toBe(true)
    expect(most).toBeLessThanOrEqual(2)
    expect((await fetch(url)).status).toBe(200)
  })
})
