// No credential of an agent governs, not even one of an admin: every route of the admin API and every page, with an access
// token and an API key in every place where a credential could stand (K9, attack 26).
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { createPages } from '../../src/pages/routes.ts'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { openSession } from '../fixtures/raw-client.ts'

interface Route {
  method: string
  path: string
}

/** Whatever is asked of it, and never called: the table of routes is made without using what they stand on. */
const nothing = new Proxy({}, { get: () => nothing }) as never

const tableOf = (routes: readonly Route[], ids: Record<string, string>): Route[] => {
  const known = new Map<string, Route>()
  for (const { method, path } of routes) {
    if (path.includes('*')) continue
    const filled = path.replace(/:(\w+)/g, (_, name: string) => ids[name] ?? 'audit')
    known.set(`${method} ${filled}`, { method, path: filled })
  }
  return [...known.values()]
}

let gateway: Gateway
let agents: Map<string, string>
let ids: Record<string, string>

beforeAll(async () => {
  gateway = await startGatewayHere({ demo: true })
  await gateway.addUser('member')
  const client = await registerOauthClient(gateway.url)
  const { body } = await client.signIn(gateway.admin)
  const { id, key } = await gateway.createKey()
  agents = new Map([
    ['access token of an admin', body.access_token!],
    ['API key of an admin', key],
  ])
  ids = { id, login: 'member', name: 'demo', uid: 'x' }
})
afterAll(() => gateway?.close())

/** All that can be governed, without what passes by itself. */
async function state(): Promise<string> {
  const parts = await Promise.all(
    ['/users', '/keys', '/grants', '/clients', '/servers', '/settings'].map((path) =>
      gateway.govern('GET', path),
    ),
  )
  const { events } = await gateway.govern<{ events: { code: string }[] }>(
    'GET',
    '/logs/audit?limit=1000',
  )
  return JSON.stringify([parts, events.map(({ code }) => code)], (name, value: unknown) =>
    /^(lastUsedAt|lastIp|calls|firstUsedAt|status)$/.test(name) ? undefined : value,
  )
}

const headersOf = (credential: string): Record<string, string>[] => [
  { authorization: `Bearer ${credential}` },
  { 'x-api-key': credential },
  { cookie: `mooring=${credential}; __Host-mooring=${credential}` },
  { authorization: `Basic ${Buffer.from(`ada:${credential}`).toString('base64')}` },
]

const BODIES = [
  {
    'content-type': 'application/json',
    body: JSON.stringify({
      login: 'agent',
      role: 'admin',
      password: 'a long enough passphrase 42',
      name: 'agent',
      spec: { kind: 'http', url: 'http://127.0.0.1:1/mcp' },
      permit: 'all',
      publicUrl: 'https://evil.example',
      endsGrants: 1,
    }),
  },
  {
    'content-type': 'application/x-www-form-urlencoded',
    body: 'name=agent&url=https%3A%2F%2Fevil.example&decision=allow&demo=1&token=x',
  },
]

async function tryAll(routes: readonly Route[], origin: string | null): Promise<string[]> {
  const done: string[] = []
  for (const { method, path } of routes)
    for (const [kind, credential] of agents)
      for (const headers of headersOf(credential))
        for (const { body, ...type } of method === 'GET' ? [{ body: undefined }] : BODIES) {
          const reply = await fetch(gateway.url + path, {
            method,
            redirect: 'manual',
            headers: { ...headers, ...type, ...(origin && { origin }) },
            ...(body === undefined ? {} : { body }),
          })
          await reply.text()
          if (reply.ok) done.push(`${kind}: ${method} ${path} → ${reply.status}`)
        }
  return done
}

describe('a credential of an agent', () => {
  it('finds no route of the admin API on the network', async () => {
    const { routes } = createAdminApp({ verbs: nothing, by: nothing, log: nothing })
    const table = tableOf(routes, ids)
    expect(table.length).toBeGreaterThan(20)
    const before = await state()
    expect(await tryAll(table, null)).toEqual([])
    expect(await state()).toBe(before)
  })

  it('changes nothing through any page, and opens none that only somebody signed in may see', async () => {
    const { routes } = createPages(nothing)
    const table = tableOf(routes, ids).filter(({ path }) => !path.startsWith('/assets/'))
    expect(table.length).toBeGreaterThan(12)
    const before = await state()
    const opened = await tryAll(table, gateway.url)
    // Signing in is open to everybody.
    expect(opened.filter((line) => !line.endsWith(': GET /login → 200'))).toEqual([])
    expect(await state()).toBe(before)
  })

  it('sees no tool that governs, and calls none', async () => {
    const before = await state()
    for (const credential of agents.values()) {
      const session = await openSession(`${gateway.url}/mcp`, {
        authorization: `Bearer ${credential}`,
      })
      expect((await session.request('tools/list')).text).not.toContain('mooring__')
      for (const verb of [
        'add_server',
        'approve',
        'set_policy',
        'users_create',
        'await_approval',
      ]) {
        const { message } = await session.call(`mooring__${verb}`, { name: 'agent' })
        expect(message.error ?? message.result?.isError, verb).toBeTruthy()
      }
    }
    expect(await state()).toBe(before)
  })

  it('is no key to the control socket: only the account that owns the data folder opens it', () => {
    const { socket } = JSON.parse(readFileSync(join(gateway.dataDir, 'gateway.json'), 'utf8')) as {
      socket: string
    }
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    expect(statSync(join(gateway.dataDir, 'gateway.json')).mode & 0o777).toBe(0o600)
    if (process.getuid?.() !== 0) return
    const script = `require('node:net').connect(${JSON.stringify(socket)}).on('error', (e) => process.exit(e.code === 'EACCES' ? 13 : 1)).on('connect', () => process.exit(0))`
    const stranger = spawnSync('node', ['-e', script], { uid: 65_534, gid: 65_534, cwd: '/' })
    expect(stranger.status, String(stranger.stderr)).toBe(13)
  })
})
