// `notifications/cancelled` of a session (2025-11-25 Cancellation): before the call is sent, while it runs, on both wires.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../../test/fixtures/gateway.ts'
import { signalled } from '../../test/fixtures/link-rig.ts'
import { callOf, openSession, post, rpc } from '../../test/fixtures/raw-client.ts'
import {
  json,
  type OddServer,
  result,
  sessionEra,
  startOdd,
} from '../../test/fixtures/servers/odd-http.ts'

let gateway: Gateway
let odd: OddServer
/** What the server does when somebody opens a session, and when a call arrives. */
let opening = async () => {}
let calling = () => {}

beforeAll(async () => {
  const good = sessionEra((request, res) => {
    const tools = [{ name: 'work', inputSchema: { type: 'object' } }]
    if (request.body?.method === 'tools/list') json(res, 200, result(request, { tools }))
    else calling()
  })
  odd = await startOdd((request, res) => {
    const first = request.body?.method === 'initialize'
    void (first ? opening() : Promise.resolve()).then(() => good(request, res))
  })
  gateway = await startGatewayHere()
  await gateway.addServer('odd', odd.url)
})
afterAll(async () => {
  await gateway?.close()
  await odd?.close()
})

const seen = (method: string) => odd.seen.filter(({ body }) => body?.method === method).length
const outcomes = async () =>
  (await gateway.govern<{ events: { outcome: string }[] }>('GET', '/logs/workload?limit=2')).events

describe.each([
  ['streamed', '/s/odd/mcp', 'work', {}],
  ['parsed', '/mcp', 'odd__work', { sampling: {} }],
])('a call that its client cancels, %s', (_, path, tool, capabilities) => {
  const start = async () => {
    const url = `${gateway.url}${path}`
    const { key } = await gateway.createKey()
    const { headers } = await openSession(url, { 'x-api-key': key }, capabilities)
    const params = { requestId: 'mine' }
    return {
      ping: () => post(url, rpc('ping'), headers),
      call: () => post(url, callOf(tool, {}, 'mine'), headers),
      cancel: () =>
        post(url, { jsonrpc: '2.0', method: 'notifications/cancelled', params }, headers),
    }
  }

  it('is not sent when that came before it could be', async () => {
    const { call, cancel, ping } = await start()
    const asked = signalled()
    const open = signalled()
    opening = () => {
      asked.settle()
      return open.promise
    }
    const before = seen('tools/call')
    const answer = call()
    await asked.promise
    const cancelled = cancel()
    // Its answer waits for the same link, over which it is passed on; requests that came after it do not.
    for (let i = 0; i < 10; i++) await ping()
    open.settle()
    expect((await cancelled).status).toBe(202)
    expect((await answer).text).toBe('')
    expect(seen('tools/call')).toBe(before)
    opening = async () => {}
    expect((await outcomes()).map(({ outcome }) => outcome)).toContain('cancelled')
  })

  it('ends without an answer when it runs, and the server is told', async () => {
    const { call, cancel } = await start()
    const arrived = signalled()
    calling = arrived.settle
    const answer = call()
    await arrived.promise
    const told = seen('notifications/cancelled')
    expect((await cancel()).status).toBe(202)
    expect((await answer).text).toBe('')
    await expect
      .poll(() => seen('notifications/cancelled'), { timeout: 10_000 })
      .toBeGreaterThan(told)
    calling = () => {}
  })
})
