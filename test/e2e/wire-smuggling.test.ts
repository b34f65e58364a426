// Ambiguous requests from a bare socket (threats.md row 36): first straight to the gateway, then through real proxies.
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { freePort, kinds, PUBLIC_URL, type RunningProxy, startProxy } from '../fixtures/proxies.ts'
import { callOf, openSession } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'
import { type Ambiguous, ambiguousRequests, callBytes } from '../fixtures/smuggling.ts'

const HOST = 'mcp.example.com'
let everything: Everything
let gateway: Gateway
let port: number
let credential: string

beforeAll(async () => {
  port = await freePort()
  everything = await startEverything()
  gateway = await startGatewayHere({
    port,
    env: { MOORING_PUBLIC_URL: PUBLIC_URL, MOORING_TRUSTED_PROXIES: '127.0.0.1' },
  })
  await gateway.addServer('everything', everything.url)
  credential = (await gateway.createKey()).key
})
afterAll(async () => {
  await gateway?.close()
  await everything?.close()
})

/** Words that reached the server. */
const ledger = () => JSON.stringify(everything.seen.map(({ body }) => body))

const corpus = (run: string): (Ambiguous & { hidden: string; outer: string })[] => {
  const words = (index: number) => ({
    hidden: `hid-${run}-${index}.`,
    outer: `out-${run}-${index}.`,
  })
  return ambiguousRequests((index) => ({ host: HOST, credential, ...words(index) })).map(
    (request, index) => ({ ...request, ...words(index) }),
  )
}

const PATIENCE = 20_000

/** Everything that comes back until the other side closes, or says nothing more and `settled` agrees. */
async function exchange(
  socket: Duplex,
  bytes: Buffer | string,
  settled: (answers: number) => boolean = () => true,
) {
  let text = ''
  let closed = false
  const statuses = () =>
    [...text.matchAll(/HTTP\/1\.[01] ([2-5]\d\d)/g)].map(([, status]) => Number(status))
  await new Promise<void>((resolve) => {
    const late = setTimeout(resolve, PATIENCE)
    const look = () => {
      if (settled(statuses().length)) end()
      else quiet = setTimeout(look, 400)
    }
    const end = () => {
      clearTimeout(quiet)
      clearTimeout(late)
      resolve()
    }
    const over = () => {
      closed = true
      end()
    }
    let quiet = setTimeout(look, 2000)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      clearTimeout(quiet)
      quiet = setTimeout(look, 400)
    })
    socket.on('error', over)
    socket.on('close', over)
    socket.on('end', over)
    socket.write(bytes)
  })
  socket.destroy()
  return { text, closed, statuses: statuses() }
}

/** The connection is asked to close with the answer, so its end is the end. */
const honest = async (socket: Duplex, word: string) => {
  const call = callBytes({ host: HOST, credential }, word, { close: true })
  const { text, statuses } = await exchange(socket, call, () => false)
  expect(statuses, text).toEqual([200])
  expect(text).toContain(`"text":"${word}"`)
}

describe('straight to the gateway', () => {
  const dial = () => connect(port, '127.0.0.1')

  it('an honest call is answered, and so are two on one connection', async () => {
    await honest(dial(), 'honest')
    const target = { host: HOST, credential }
    const both = callBytes(target, 'one.') + callBytes(target, 'two.', { close: true })
    const { statuses, text } = await exchange(dial(), both, () => false)
    expect(statuses).toEqual([200, 200])
    expect(text.indexOf('one.')).toBeLessThan(text.indexOf('two.'))
  })

  it('what hides in an ambiguous request never runs, and every request gets one clear answer', async () => {
    await Promise.all(
      corpus('direct').map(async ({ name, bytes, hidden }) => {
        const { statuses, text } = await exchange(dial(), bytes)
        expect(ledger(), name).not.toContain(hidden)
        expect(statuses.length, `${name}: ${text}`).toBeLessThanOrEqual(2)
        for (const status of statuses.slice(0, 1))
          expect(
            name === 'a body on GET' ? 200 : Math.floor(status / 100) * 100,
            `${name}: ${text}`,
          ).toBe(name === 'a body on GET' ? 200 : 400)
      }),
    )
    await honest(dial(), 'after all')
  })

  it('a coding before the chunks is refused: nobody has undone it', async () => {
    const [start = '', body = ''] = callBytes({ host: HOST, credential }, 'coded.').split(
      '\r\n\r\n',
    )
    const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    for (const [coding, status] of [
      ['chunked', 200],
      ['gzip, chunked', 400],
      ['identity, chunked', 400],
      ['chunked, chunked', 400],
    ] as const) {
      const head = start.replace(/Content-Length: \d+/, `Transfer-Encoding: ${coding}`)
      const { statuses, text } = await exchange(dial(), `${head}\r\n\r\n${chunks}`)
      expect(statuses, `${coding}: ${text}`).toEqual([status])
    }
  })

  it('what follows a refused request on its connection is not run', async () => {
    const evil = callBytes({ host: 'evil.example', credential }, 'evil.')
    // Of the session era: there a call goes on when its connection ends.
    const session = await openSession(`http://127.0.0.1:${port}/mcp`, { 'x-api-key': credential })
    const body = JSON.stringify(callOf('everything__echo', { message: 'poisoned.' }))
    const lines = Object.entries({
      ...session.headers,
      host: HOST,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'content-length': String(body.length),
    }).map(([name, value]) => `${name}: ${value}\r\n`)
    const poisoned = `POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`
    expect((await exchange(dial(), poisoned.replace('poisoned.', 'harmless.'))).statuses).toEqual([
      200,
    ])
    const { statuses, closed } = await exchange(dial(), evil + poisoned)
    expect([statuses, closed]).toEqual([[421], true])
    await honest(dial(), 'much later.')
    expect(ledger()).toContain('harmless.')
    expect(ledger()).not.toMatch(/evil\.|poisoned\./)
  })
})

describe.each(kinds)('behind %s', (kind) => {
  let proxy: RunningProxy

  beforeAll(async () => {
    proxy = await startProxy(kind, port)
  })
  afterAll(() => proxy?.stop())

  it('the server sees no request that the proxy did not see as one, and every connection stays in step', async () => {
    const waiting = corpus(kind)
    const worker = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        // Two answers: the proxy took the hidden part for a request of its own, as it may. One: it was smuggled.
        const { name, hidden, bytes } = next
        const inStep = (answers: number) => answers >= 2 || !ledger().includes(hidden)
        const { statuses, text } = await exchange(await proxy.dial(), bytes, inStep)
        expect(inStep(statuses.length), `${name}: ${text}`).toBe(true)
        await honest(await proxy.dial(), `${next.hidden}honest`)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
  })
})
