// A program that several people share keeps one log level and one set of subscriptions; each session has its own all the same.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { root } from '../fixtures/program.ts'
import { callOf, openSession, post, type Session, stateless } from '../fixtures/raw-client.ts'
import { openRawStream } from '../fixtures/raw-stream.ts'

let gateway: Gateway
let ada: Record<string, string>
let bob: Record<string, string>
let url: string

beforeAll(async () => {
  gateway = await startGatewayHere({ env: { MOORING_SANDBOX: 'off' } })
  const args = [join(root, 'test/fixtures/servers/crossing.ts'), 'stdio']
  const spec = { kind: 'stdio', command: process.execPath, args }
  await gateway.govern('POST', '/servers', { name: 'pipe', spec, permit: 'all' })
  await gateway.addUser('bob')
  ada = { 'x-api-key': (await gateway.createKey()).key }
  bob = { 'x-api-key': (await gateway.createKey({ userLogin: 'bob' })).key }
  url = `${gateway.url}/s/pipe/mcp`
})
afterAll(() => gateway?.close())

const setLevel = (session: Session, level: string) => session.request('logging/setLevel', { level })

/** The levels of the log lines that came with one call, and the level of the program itself. */
async function logged(session: Session, name = 'log') {
  const reply = await session.call(name, { nonce: 1 })
  const levels = [...reply.text.matchAll(/"level":"(\w+)"/g)].map(([, level]) => level)
  return { levels, server: reply.message.result?.content?.[0]?.text }
}

describe('a log level', () => {
  it('is of one session, and the shared program hears the lowest that anybody wants', async () => {
    const [loud, quiet, silent] = await Promise.all(
      [ada, bob, bob].map((who) => openSession(url, who)),
    )
    await setLevel(quiet!, 'error')
    await setLevel(loud!, 'debug')
    await setLevel(quiet!, 'error')
    expect(await logged(loud!)).toEqual({
      levels: ['debug', 'info', 'warning', 'error'],
      server: 'debug',
    })
    expect((await logged(quiet!)).levels).toEqual(['error'])
    expect((await logged(silent!)).levels).toEqual(['info', 'warning', 'error'])
    await setLevel(loud!, 'warning')
    expect(await logged(silent!)).toEqual({ levels: ['info', 'warning', 'error'], server: 'info' })
    expect((await logged(loud!)).levels).toEqual(['warning', 'error'])
  })

  it('is kept on the endpoint of all servers too, where none of them is told', async () => {
    const all = await openSession(`${gateway.url}/mcp`, ada)
    await setLevel(all, 'error')
    expect((await logged(all, 'pipe__log')).levels).toEqual(['error'])
  })

  it('that there is not is refused', async () => {
    const session = await openSession(url, ada)
    expect((await setLevel(session, 'shout')).message.error).toMatchObject({ code: -32602 })
  })

  it('of the stateless era is of one request, and none means no log messages', async () => {
    const call = (_meta: object) =>
      stateless(url, ada, 'tools/call', { name: 'log', arguments: { nonce: 1 }, _meta })
    expect((await call({})).text).not.toContain('notifications/message')
    const heard = (await call({ 'io.modelcontextprotocol/logLevel': 'warning' })).text
    expect([...heard.matchAll(/"level":"(\w+)"/g)].map(([, level]) => level)).toEqual([
      'warning',
      'error',
    ])
  })

  it('lets no line of a call that was cancelled through to whoever calls next', async () => {
    const [mine, theirs] = await Promise.all([ada, bob].map((who) => openSession(url, who)))
    expect((await logged(theirs!)).levels).not.toEqual([])
    const echo = callOf('echo', { nonce: 'x', ms: 60_000, steps: 1 })
    const params = { ...echo.params, _meta: { progressToken: 1 } }
    const call = await openRawStream(url, mine!.headers, { ...echo, params })
    await call.next(({ method }) => method === 'notifications/progress')
    const cancel = { method: 'notifications/cancelled', params: { requestId: 1 } }
    await post(url, { jsonrpc: '2.0', ...cancel }, mine!.headers)
    await call.ended
    expect((await logged(theirs!)).levels).toEqual([])
  })
})

describe('a subscription', () => {
  const uri = 'test://watched'
  const listen = async (session: Session) => {
    const leave = new AbortController()
    const { body } = await fetch(url, {
      headers: { ...session.headers, accept: 'text/event-stream' },
      signal: leave.signal,
    })
    let text = ''
    const done = (async () => {
      for await (const chunk of body!) text += Buffer.from(chunk).toString()
    })().catch(() => undefined) // It ends when we leave.
    return {
      count: () => text.split('notifications/resources/updated').length - 1,
      leave: () => {
        leave.abort()
        return done
      },
    }
  }

  it('of one session is not ended by another, and tells only those who follow', async () => {
    const [mine, theirs] = await Promise.all([ada, bob].map((who) => openSession(url, who)))
    const [mines, theirss] = await Promise.all([listen(mine!), listen(theirs!)])
    try {
      await mine!.request('resources/subscribe', { uri })
      await theirs!.request('resources/subscribe', { uri })
      await theirs!.request('resources/unsubscribe', { uri })
      await theirs!.request('resources/unsubscribe', { uri })
      expect((await theirs!.call('touch')).message.result?.content?.[0]?.text).toBe('1')
      await vi.waitFor(() => expect(mines.count()).toBe(1))
      expect(theirss.count()).toBe(0)
      await mine!.request('resources/unsubscribe', { uri })
      expect((await theirs!.call('touch')).message.result?.content?.[0]?.text).toBe('0')
    } finally {
      await Promise.all([mines.leave(), theirss.leave()])
    }
  })

  it('costs no more memory than is due to one session', async () => {
    const session = await openSession(url, ada)
    const follow = (to: string) => session.request('resources/subscribe', { uri: to })
    expect((await follow(`test://${'x'.repeat(3000)}`)).message.error).toMatchObject({
      code: -32602,
    })
    const long = (n: number) => `test://${n}/${'x'.repeat(2000)}`
    let accepted = 0
    while (!(await follow(long(accepted))).message.error && accepted < 1000) accepted++
    expect(accepted).toBeGreaterThan(10)
    expect(accepted).toBeLessThan(40)
  })
})
