import { type AddressInfo, createServer as createTcp } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ADDRESS_FORMS } from '../../test/fixtures/address-forms.ts'
import { answers, failure, fetcher, listen, local } from '../../test/fixtures/safe-fetch-rig.ts'
import { addressRules } from './address-rules.ts'
import { isAppError } from './app-error.ts'
import { manualClock } from './manual-clock.ts'
import { checkedLookup } from './safe-connect.ts'
import type { SafeFetchOptions } from './safe-fetch.ts'

describe.each(ADDRESS_FORMS)('the address %s', (literal, address) => {
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
    const fetch = fetcher({
      ...open,
      deadlineMs: 10,
      resolve: async () => answers(...list(address)),
    })
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
      explain: true,
      resolve: async () => answers(queue[asked++]!),
    })
    const url = `http://rebind.test:${good.port}/`
    expect((await fetch(url)).body.toString()).toBe('good')
    expect(asked).toBe(1)
    expect((await failure(fetch(url))).code).toBe('blocked_address')
    expect(asked).toBe(2)
    expect(good.connections).toBe(1)
    expect(trap.connections).toBe(0)
  })

  it('localhost is refused with the resolver of the system', async () => {
    const trap = await listen((_, res) => res.end('secret'))
    for (const host of ['localhost', 'LOCALHOST', 'localhost.']) {
      const fetch = fetcher({ allowHttp: true, ports: 'any', explain: true })
      expect((await failure(fetch(`http://${host}:${trap.port}/`))).code).toBe('blocked_address')
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
  const closedPort = async () => {
    const closed = createTcp()
    await new Promise<void>((done) => closed.listen(0, '127.0.0.1', () => done()))
    const { port } = closed.address() as AddressInfo
    await new Promise((done) => closed.close(done))
    return port
  }

  /** One fetch for every way of not getting an answer, all at the same clock. */
  const failures = async () => {
    const open = await listen((_, res) => res.end('secret'))
    const garbage = createTcp((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))
    const silent = createTcp((socket) => socket.on('error', () => undefined))
    for (const server of [garbage, silent]) {
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
      onTestFinished(() => void server.close())
    }
    const closed = await closedPort()
    const portOf = (server: typeof garbage) => (server.address() as AddressInfo).port
    const privately = { ports: 'any', allowPrivate: [] } as const
    const cases: [what: string, port: number, options: Partial<SafeFetchOptions>][] = [
      ['a closed port', closed, {}],
      ['an open port at a private address', open.port, privately],
      ['a closed port at a private address', closed, privately],
      ['something else than HTTP', portOf(garbage), {}],
      ['silence', portOf(silent), {}],
      ['an unknown name', closed, { resolve: () => Promise.reject(new Error('ENOTFOUND')) }],
      ['a name without address', closed, { resolve: async () => [] }],
      ['a name server that never answers', closed, { resolve: () => new Promise(() => undefined) }],
    ]
    return { open, cases }
  }

  it('is the same whether a port is closed, a name is unknown, or its address is private', async () => {
    const { open, cases } = await failures()
    const told = await Promise.all(
      cases.map(async ([, port, options]) => {
        const error = await failure(
          local({ deadlineMs: 100, ...options })(`http://host.test:${port}/`),
        )
        expect(error.message).not.toContain('127.0.0.1')
        return [error.code, error.message.replace(String(port), 'PORT'), error.remedy, error.data]
      }),
    )
    for (const one of told) expect(one).toEqual(told[0])
    expect(open.connections).toBe(0)
  })

  it('comes at the same moment, however early it is known', async () => {
    const { cases } = await failures()
    const clock = manualClock()
    const settled: string[] = []
    const all = cases.map(async ([what, port, options]) => {
      await failure(local({ clock, ...options })(`http://host.test:${port}/`))
      settled.push(what)
    })
    // Whoever may know gets to know now: as long as these take, the others have had.
    for (const [, port, options] of cases.slice(0, 4))
      await failure(local({ ...options, explain: true })(`http://host.test:${port}/`))
    clock.advance(4_999)
    await new Promise((done) => setImmediate(done))
    expect(settled).toEqual([])
    clock.advance(1)
    await Promise.all(all)
    expect(settled).toHaveLength(cases.length)
  })

  it('is the same for a server that never answers', async () => {
    const clock = manualClock()
    const silent = await listen(() => clock.advance(5_000))
    const error = await failure(local({ clock })(`http://host.test:${silent.port}/`))
    expect(error.data?.problem).toBe('unreachable')
  })
})
