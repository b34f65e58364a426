// What reaches a server without being a call: the client's notifications, its answers, and a stream it resumes.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../../../../test/fixtures/gateway.ts'
import { openSession, post } from '../../../../test/fixtures/raw-client.ts'

interface Heard {
  verb: string
  method: string
}

let gateway: Gateway
let upstream: Server
let heard: Heard[] = []

beforeAll(async () => {
  upstream = createServer((req, res) => void answer(req, res))
  await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done))
  gateway = await startGatewayHere()
  const { port } = upstream.address() as AddressInfo
  await gateway.addServer('notes', `http://127.0.0.1:${port}/mcp`)
})

afterAll(async () => {
  await gateway.close()
  upstream.closeAllConnections()
  upstream.close()
})

beforeEach(() => {
  heard = []
})

async function answer(req: IncomingMessage, res: ServerResponse): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk)
  const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {}
  heard.push({ verb: req.method ?? '', method: String(body.method) })
  if (req.method === 'GET') return res.writeHead(405).end()
  if (req.method === 'DELETE') return res.writeHead(204).end()
  if (body.id === undefined) return res.writeHead(202).end()
  const result =
    body.method === 'initialize'
      ? {
          protocolVersion: '2025-11-25',
          serverInfo: { name: 'notes', version: '1' },
          capabilities: { tools: {} },
        }
      : body.method === 'tools/list'
        ? { tools: [{ name: 'erase', inputSchema: { type: 'object' } }] }
        : null
  res.setHeader('content-type', 'application/json')
  if (body.method === 'initialize') res.setHeader('mcp-session-id', 's1')
  const reply = result
    ? { jsonrpc: '2.0', id: body.id, result }
    : { jsonrpc: '2.0', id: body.id, error: { code: -32601, message: 'no' } }
  return res.writeHead(200).end(JSON.stringify(reply))
}

describe('what reaches a server without being a call', () => {
  const session = async (scopes: string[], path: string) => {
    const { key } = await gateway.createKey({ scopes })
    const { headers } = await openSession(`${gateway.url}${path}`, { 'x-api-key': key })
    heard = []
    const say = async (message: object) => {
      const body = { jsonrpc: '2.0', ...message }
      const { status } = await post(`${gateway.url}${path}`, body, headers)
      return status
    }
    return { headers, say, url: `${gateway.url}${path}` }
  }
  const ROOTS = 'notifications/roots/list_changed'

  it('is what the protocol lets a client say', async () => {
    const { say } = await session(['mcp'], '/s/notes/mcp')
    expect(await say({ method: ROOTS })).toBe(202)
    expect(heard).toContainEqual({ verb: 'POST', method: ROOTS })
  })

  it('is never a call that lacks its id', async () => {
    for (const path of ['/s/notes/mcp', '/mcp']) {
      const { say } = await session(['mcp'], path)
      expect(await say({ method: 'tools/call', params: { name: 'erase' } })).toBe(202)
      expect(heard, path).toEqual([])
    }
  })

  it('is never an answer that carries a method', async () => {
    const { say } = await session(['mcp'], '/s/notes/mcp')
    expect(await say({ id: 1, result: {}, method: ['tools/call'] })).toBe(400)
    expect(heard).toEqual([])
  })

  it('is nothing at all where the person or the token may not reach the server', async () => {
    for (const path of ['/s/notes/mcp', '/mcp']) {
      const { say } = await session(['other:read'], path)
      expect(await say({ method: ROOTS })).toBe(202)
      expect(await say({ id: 1, result: {} })).toBe(202)
      expect(heard, path).toEqual([])
    }
  })

  it('is no resumed stream either', async () => {
    const { headers, url } = await session(['other:read'], '/s/notes/mcp')
    const leave = new AbortController()
    await fetch(url, {
      headers: { ...headers, accept: 'text/event-stream', 'last-event-id': '1' },
      signal: leave.signal,
    })
    leave.abort()
    expect(heard).toEqual([])
  })
})
