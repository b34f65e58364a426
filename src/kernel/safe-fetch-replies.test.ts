import type { IncomingMessage, ServerResponse } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { failure, listen, local } from '../../test/fixtures/safe-fetch-rig.ts'
import { isAppError } from './app-error.ts'
import { manualClock } from './manual-clock.ts'
import type { SafeFetchOptions } from './safe-fetch.ts'

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
    const server = await listen((req, res) => {
      held.push(res)
      most = Math.max(most, held.length)
      if (req.url === '/last') res.end('ok')
      // Long enough for all that may come to have come.
      else
        setTimeout(() => {
          held.splice(held.indexOf(res), 1)
          res.end('ok')
        }, 50)
    })
    const fetch = local({ perOrigin: 2, waiting: 3 })
    const url = `http://host.test:${server.port}/`
    const results = await Promise.allSettled(Array.from({ length: 7 }, () => fetch(url)))
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(5)
    for (const r of results)
      if (r.status === 'rejected') expect(isAppError(r.reason, 'overloaded')).toBe(true)
    expect(most).toBe(2)
    expect((await fetch(`${url}last`)).status).toBe(200)
  })
})
