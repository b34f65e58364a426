// How a call on the wire ends badly: its credential is revoked, or its server answers something that is no answer.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../../test/fixtures/gateway.ts'
import { callOf, openSession, post } from '../../test/fixtures/raw-client.ts'

const CREDENTIAL = 'Bearer canary-of-the-gateway'

let gateway: Gateway
let upstream: Server

beforeAll(async () => {
  upstream = createServer((req, res) => void answer(req, res))
  await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done))
  gateway = await startGatewayHere()
  const { port } = upstream.address() as AddressInfo
  await gateway.govern('POST', '/servers', {
    name: 'odd',
    spec: { kind: 'http', url: `http://127.0.0.1:${port}/mcp` },
    permit: 'all',
    secret: { headers: { authorization: CREDENTIAL } },
  })
})

afterAll(async () => {
  await gateway.close()
  upstream.closeAllConnections()
  upstream.close()
})

const RESULTS: Record<string, object> = {
  initialize: {
    protocolVersion: '2025-11-25',
    serverInfo: { name: 'odd', version: '1' },
    capabilities: { tools: {} },
  },
  'tools/list': {
    tools: ['endless', 'echo'].map((name) => ({ name, inputSchema: { type: 'object' } })),
  },
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk)
  if (req.method !== 'POST') return res.writeHead(405).end()
  const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as {
    id?: number
    method: string
    params?: { name?: string }
  }
  if (id === undefined) return res.writeHead(202).end()
  if (params?.name === 'endless') {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    return res.write(': working\n\n')
  }
  if (params?.name === 'echo')
    return res
      .writeHead(500, { 'content-type': 'text/plain' })
      .end(`cannot read ${req.headers.authorization}`)
  const result = RESULTS[method]
  const reply = result ? { result } : { error: { code: -32601, message: 'no such method' } }
  return res
    .writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'one' })
    .end(JSON.stringify({ jsonrpc: '2.0', id, ...reply }))
}

describe('a call that ends badly', () => {
  it.each([
    ['streamed', {}, '/s/odd/mcp'],
    ['parsed', { sampling: {} }, '/mcp'],
  ])('ends with the revoke of its credential, %s', async (_, capabilities, path) => {
    const { key, id } = await gateway.createKey()
    const url = `${gateway.url}${path}`
    const { headers } = await openSession(url, { 'x-api-key': key }, capabilities)
    const name = path === '/mcp' ? 'odd__endless' : 'endless'
    const call = post(url, callOf(name), headers).then(
      () => 'answered',
      () => 'cut',
    )
    await expect
      .poll(async () => JSON.stringify(await gateway.govern('GET', '/logs/workload?limit=20')), {
        timeout: 15_000,
      })
      .toContain(id)
    await gateway.govern('POST', `/keys/${id}/revoke`)
    expect(await call).toBe('cut')
  })

  it('does not repeat the credential of the gateway that the server has echoed', async () => {
    const { key } = await gateway.createKey()
    const { call } = await openSession(`${gateway.url}/s/odd/mcp`, { 'x-api-key': key })
    const { text } = await call('echo')
    expect(text).toContain('cannot read [redacted]')
    expect(text).not.toContain('canary-of-the-gateway')
  })
})
