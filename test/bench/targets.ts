// The three things that are compared: the echo server itself, a bare proxy in front of it, and the gateway with
// API key, policy and journal in front of it.
import { startGatewayProcess } from '../fixtures/gateway.ts'
import { startProgram } from '../fixtures/program.ts'
import type { Target } from './measure.ts'

export interface Targets {
  targets: Target[]
  close(): Promise<void>
}

export async function startTargets(): Promise<Targets> {
  const echo = await startProgram('test/fixtures/servers/echo.ts')
  const bare = await startProgram('test/bench/bare-proxy.ts', [echo.url])
  const gateway = await startGatewayProcess()
  await gateway.addServer('echo', echo.url, 'all')
  const { key } = await gateway.createKey()
  const url = `${gateway.url}/s/echo/mcp`
  const session = await openSession(url, key)
  const version = { 'MCP-Protocol-Version': '2025-11-25' }
  return {
    targets: [
      { name: 'direct', url: echo.url, headers: version, tool: 'echo', pid: echo.pid },
      { name: 'bare', url: bare.url, headers: version, tool: 'echo', pid: bare.pid },
      {
        name: 'mooring',
        url,
        headers: { ...version, 'X-API-Key': key, 'Mcp-Session-Id': session },
        tool: 'echo',
        pid: gateway.pid,
      },
    ],
    close: async () => {
      await gateway.close()
      await bare.stop()
      await echo.stop()
    },
  }
}

/** Initializes as a session client does; returns the session id. */
export async function openSession(url: string, key: string): Promise<string> {
  const post = (body: object, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'x-api-key': key,
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })
  const hello = await post({
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      clientInfo: { name: 'bench', version: '1' },
      capabilities: {},
    },
  })
  const text = await hello.text()
  const session = hello.headers.get('mcp-session-id')
  if (!hello.ok || !session) throw new Error(`initialize failed: ${hello.status} ${text}`)
  const ready = await post({ method: 'notifications/initialized' }, { 'mcp-session-id': session })
  await ready.text()
  return session
}
