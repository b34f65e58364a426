// Names, errors and arguments of others on their way to a terminal and to log files: nothing moves a cursor, hides or turns
// text, or makes two lines of one event; and JSON stays JSON. (Attack 28; a CSV export does not exist yet.)
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { emptyFolders } from '../fixtures/command.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { callOf, openSession, post } from '../fixtures/raw-client.ts'

/** Clears the screen, sets the title, starts a line of its own, turns the direction, ends the text. */
const EVIL =
  'evil\u001b[2J\u001b]0;owned\u0007\u009b31m\r\n{"level":"info","msg":"forged"}\u2028next\u202etxet\u2066\u200b\u0000=cmd|"/c calc"!A1'
const INVISIBLE = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u

const folder = emptyFolders()
let gateway: GatewayProcess
let server: ReturnType<typeof createServer>
const shown = new Map<string, string>()

beforeAll(async () => {
  const { here } = folder()
  server = createServer((req, res) => {
    let body = ''
    req.on('data', (chunk: Buffer) => (body += chunk.toString()))
    req.on('end', () => {
      const { id, method, params } = body ? JSON.parse(body) : {}
      if (req.method !== 'POST' || id === undefined) return res.writeHead(405).end()
      const send = (message: object) =>
        res
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id, ...message }))
      if (method === 'initialize')
        return send({
          result: {
            protocolVersion: params.protocolVersion,
            serverInfo: { name: EVIL, version: EVIL },
            capabilities: { tools: {} },
            instructions: EVIL,
          },
        })
      if (method === 'tools/list') {
        const inputSchema = { type: 'object' }
        const tools = [EVIL, 'plain'].map((name) => ({ name, description: EVIL, inputSchema }))
        return send({ result: { tools } })
      }
      if (method === 'tools/call')
        return res.writeHead(500, { 'content-type': 'text/plain' }).end(EVIL)
      return send({ error: { code: -32601, message: EVIL } })
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  gateway = await startGatewayProcess({ env: { MOORING_LOG_LEVEL: 'debug' } })
  await gateway.addServer('evil', `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  const closed = `http://127.0.0.1:1/${encodeURIComponent(EVIL)}`
  await gateway.addServer('closed', closed)
  const { id } = await gateway.govern<{ id: string }>('POST', '/clients', {
    name: EVIL.slice(0, 100),
    redirectUris: ['https://client.example/cb'],
  })
  const { key } = await gateway
    .createKey({ name: EVIL.slice(0, 60) })
    .catch(() => gateway.createKey())
  const headers = { 'x-api-key': key }
  const session = await openSession(`${gateway.url}/mcp`, headers)
  for (const tool of ['evil__plain', 'closed__x', EVIL]) await session.call(tool, { [EVIL]: EVIL })
  await post(`${gateway.url}/mcp`, callOf('evil__plain'), {
    ...headers,
    'user-agent': 'evil\u009b31m',
  })
  await fetch(
    `${gateway.url}/oauth/authorize?client_id=${encodeURIComponent(EVIL)}&scope=${encodeURIComponent(EVIL)}`,
  )
  await fetch(`${gateway.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: EVIL, client_id: EVIL, scope: EVIL }),
  })
  for (const args of [
    ['servers', 'list'],
    ['servers', 'test', 'evil'],
    ['servers', 'test', 'closed'],
    ['servers', 'test', EVIL.replaceAll('\0', '')],
    ['clients', 'list'],
    ['clients', 'show', id],
    ['clients', 'show', EVIL.replaceAll('\0', '')],
    ['keys', 'list'],
    ['grants', 'revoke', EVIL.replaceAll('\0', '')],
    ['users', 'disable', EVIL.replaceAll('\0', '')],
    ['logs', 'audit'],
    ['logs', 'auth'],
    ['logs', 'workload'],
    [EVIL.replaceAll('\0', '')],
    ['config', 'print', `--${EVIL.replaceAll('\0', '')}`],
  ])
    for (const json of [[], ['--json']]) {
      const { stdout, stderr } = await here([...args, ...json, '--data', gateway.dataDir])
      const name = [args.join(' ').slice(0, 60), ...json].join(' ')
      shown.set(`${name} stdout`, stdout)
      shown.set(`${name} stderr`, stderr)
    }
}, 120_000)
afterAll(async () => {
  await gateway?.close()
  server?.closeAllConnections()
  server?.close()
  if (gateway) rmSync(gateway.dataDir, { recursive: true, force: true })
})

it('no command prints a character that a terminal would obey, or that nobody sees', () => {
  const bad = [...shown].filter(([, text]) => INVISIBLE.test(text))
  expect(
    bad.map(([name, text]) => `${name}: ${JSON.stringify(INVISIBLE.exec(text)?.[0])}`),
  ).toEqual([])
  expect([...shown.values()].join('')).toContain('evil')
})

it('what a command prints as JSON is one line of JSON, with the text as it was', () => {
  const printed = [...shown].filter(([name, text]) => name.endsWith('--json stdout') && text !== '')
  expect(printed.length).toBeGreaterThan(10)
  const texts = printed.map(([, text]) => {
    expect(text.trimEnd().split('\n')).toHaveLength(1)
    return JSON.stringify(JSON.parse(text))
  })
  expect(texts.join('')).toContain(JSON.stringify('\u001b[2J').slice(1, -1))
})

it('one event is one line in the log of the process', () => {
  const lines = gateway
    .output()
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('{'))
  // That the log says something of the hostile words at all.
  expect(lines.join('')).toContain('evil')
  expect(gateway.output()).not.toMatch(INVISIBLE)
  for (const line of lines) expect(JSON.parse(line).msg).not.toBe('forged')
})
