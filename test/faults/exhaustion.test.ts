// A gateway with few file descriptors, and one with little memory, under more work than they can hold: new work is shed
// with a clear refusal, health and revoking still answer, and with the load the trouble ends.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import {
  ask,
  connectionsAt,
  headOf,
  openFiles,
  type Peer,
  peersOf,
  posted,
} from '../fixtures/pressure.ts'
import { startProgram } from '../fixtures/program.ts'
import { openSession, post, rpc } from '../fixtures/raw-client.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function started(
  options: Parameters<typeof startGatewayProcess>[0],
): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess({ demo: true, ...options })
  closers.push(() => gateway.close())
  return gateway
}

const HELLO = { name: 'demo__echo', arguments: { message: 'hello' } }

async function ready(gateway: GatewayProcess, tool: string): Promise<string> {
  const { key } = await gateway.createKey()
  await vi.waitFor(
    async () => expect((await ask(gateway.url, posted(key, 'tools/list'))).text).toContain(tool),
    5000,
  )
  return key
}

describe('with 256 descriptors and 400 connections in use', { timeout: 90_000 }, () => {
  const OPEN_FILES = 256

  it('sheds new work, answers health, revokes, and recovers', async () => {
    const gateway = await started({
      openFiles: OPEN_FILES,
      env: { MOORING_LOG_LEVEL: 'warn' },
    })
    const key = await ready(gateway, HELLO.name)
    const doomed = await gateway.createKey({ name: 'doomed' })

    // Each is in the middle of a call, so that none of them can be closed to make room.
    const busy = await peersOf(gateway.url, 400)
    closers.push(() => busy.forEach(({ socket }) => void socket.destroy()))
    keepBusy(gateway.url, key, busy)

    const call = posted(key, 'tools/call', HELLO)
    const shed = await vi.waitFor(async () => {
      const one = await peersOf(gateway.url, 1)
      busy.push(...one)
      keepBusy(gateway.url, key, one)
      const reply = await ask(gateway.url, { ...call, from: '127.0.0.7' })
      expect(reply.status).toBe(503)
      return reply
    }, 10_000)
    expect(shed.headers['retry-after']).toBe('1')
    expect(JSON.parse(shed.text)).toMatchObject({ code: 'overloaded' })

    expect(await ask(gateway.url, { from: '127.0.0.7' })).toMatchObject({ status: 200 })
    expect(openFiles(gateway.pid)).toBeLessThan(OPEN_FILES)
    const { code, stderr } = await gateway.mooring('keys', 'revoke', doomed.id)
    expect(code, stderr).toBe(0)

    for (const { socket } of busy) socket.destroy()
    await vi.waitFor(async () => {
      expect(await ask(gateway.url, { ...call, from: '127.0.0.7' })).toMatchObject({ status: 200 })
    }, 10_000)
    const late = await ask(gateway.url, posted(doomed.key, 'tools/call', HELLO))
    expect(late.status).toBe(401)
    await vi.waitFor(() => expect(connectionsAt(gateway.url)).toBeLessThan(10), 10_000)
    // Hundreds were turned away, and a handful of lines says so.
    const lines = gateway.output().match(/connections were turned away/g) ?? []
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.length).toBeLessThan(10)
  })

  it('prefers those who ask to those who say nothing', async () => {
    const gateway = await started({ openFiles: OPEN_FILES })
    const key = await ready(gateway, HELLO.name)
    const silent = await peersOf(gateway.url, 400)
    closers.push(() => silent.forEach(({ socket }) => void socket.destroy()))
    const call = posted(key, 'tools/call', HELLO)
    for (let n = 0; n < 50; n++) {
      const reply = await ask(gateway.url, { ...call, from: '127.0.0.7' })
      expect(reply.status).toBe(200)
    }
    await Promise.race(silent.map(({ closed }) => closed))
  })
})

/** A call that waits for a minute, on each connection. */
function keepBusy(url: string, key: string, peers: readonly Peer[]): void {
  const { headers, body } = posted(key, 'tools/call', {
    name: 'demo__wait',
    arguments: { seconds: 30 },
  })
  const head = headOf(url, { ...headers, 'content-length': body!.length })
  const request = `${head}\r\n${body}`
  for (const { socket } of peers) if (socket.writable) socket.write(request)
}

describe('with 96 MB for its objects', { timeout: 90_000 }, () => {
  const MB = 1024 * 1024
  const little = { NODE_OPTIONS: '--max-old-space-size=96' }

  it('refuses large requests that it has no room for, and lives', async () => {
    const gateway = await started({ env: little })
    const key = await ready(gateway, HELLO.name)
    const large = posted(key, 'tools/call', {
      name: HELLO.name,
      arguments: { message: 'x'.repeat(3 * MB) },
    })
    const peers = await peersOf(gateway.url, 20)
    closers.push(() => peers.forEach(({ socket }) => void socket.destroy()))
    const half = large.body!.slice(0, large.body!.length / 2)
    const head = headOf(gateway.url, { ...large.headers, 'content-length': large.body!.length })
    for (const { socket } of peers) socket.write(`${head}\r\n${half}`)
    const refused = await vi.waitFor(async () => {
      const reply = await ask(gateway.url, large)
      expect(reply.status).toBe(503)
      return reply
    }, 10_000)
    expect(refused.headers['retry-after']).toBe('1')
    expect(refused.text).toContain('"overloaded"')
    expect((await ask(gateway.url, posted(key, 'tools/call', HELLO))).status).toBe(200)

    for (const { socket } of peers) socket.destroy()
    await vi.waitFor(async () => expect((await ask(gateway.url, large)).status).toBe(200), 10_000)
    const together = await Promise.all(Array.from({ length: 12 }, () => ask(gateway.url, large)))
    for (const { status } of together) expect([200, 503]).toContain(status)
    expect((await ask(gateway.url, large)).status).toBe(200)
  })

  it('refuses large answers that it has no room for, and lives', async () => {
    const server = await startProgram('test/fixtures/servers/echo.ts', [
      ...['--reply-bytes', String(3 * MB)],
    ])
    closers.push(() => server.stop())
    const gateway = await started({ env: little })
    await gateway.addServer('large', server.url)
    const key = await ready(gateway, 'large__echo')
    const much = posted(key, 'tools/call', {
      name: 'large__echo',
      arguments: { message: 'much' },
    })
    const replies = await Promise.all(Array.from({ length: 16 }, () => ask(gateway.url, much)))
    const [whole, refused] = [
      replies.filter(({ text }) => text.length > 3 * MB),
      replies.filter(({ text }) => text.includes('"overloaded"')),
    ]
    expect(whole.length).toBeGreaterThan(0)
    expect(refused.length).toBeGreaterThan(0)
    expect(whole.length + refused.length).toBe(16)
    expect((await ask(gateway.url, much)).text.length).toBeGreaterThan(3 * MB)

    // Passed through in the era of the server, an answer is never held as a whole.
    const session = await openSession(`${gateway.url}/mcp`, { 'x-api-key': key })
    const call = rpc('tools/call', { name: 'large__echo', arguments: { message: 'much' } })
    const through = await Promise.all(
      Array.from({ length: 10 }, () => post(`${gateway.url}/mcp`, call, session.headers)),
    )
    for (const { text } of through) expect(text.length).toBeGreaterThan(3 * MB)
  })
})
