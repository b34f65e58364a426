// The gateway as a whole on both stores: what holds on SQLite has to hold on Postgres, with one replica and with two.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { revokeKey } from '../../src/grants/api-keys.ts'
import { systemClock } from '../../src/kernel/time.ts'
import { operator } from '../../src/logs/event.ts'
import { openStore, type StoreLocation } from '../../src/store/open.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { startProgram } from '../fixtures/program.ts'
import { openSession, post, rpc, stateless } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'
import { dialects, testCore } from '../fixtures/stores.ts'

const postgres = process.env.MOORING_TEST_POSTGRES_URL

let everything: Everything
beforeAll(async () => {
  everything = await startEverything()
})
afterAll(() => everything?.close())

describe.each(dialects)('on %s', (dialect) => {
  const databases = databasesOn(postgres ?? '')
  const dataDir = mkdtempSync(join(tmpdir(), 'mooring-both-'))
  let where: StoreLocation = { kind: 'sqlite', dir: dataDir }
  let env: Record<string, string> = {}
  let gateway: Gateway
  let key: { id: string; key: string }
  let credential: Record<string, string>
  let endpoint: string

  beforeAll(async () => {
    if (dialect === 'postgres') {
      const url = await databases.take()
      where = { kind: 'postgres', url }
      env = { MOORING_DB: url }
    }
    gateway = await startGatewayHere({ dataDir, env, demo: true })
    await gateway.addServer('everything', everything.url)
    key = await gateway.createKey()
    credential = { 'x-api-key': key.key }
    endpoint = `${gateway.url}/mcp`
  })
  afterAll(async () => {
    await gateway?.close()
    await databases.dropAll()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('a call leaves an intent and an outcome that name each other, the person and the consent', async () => {
    const session = await openSession(endpoint, credential)
    const reply = await session.call('everything__echo', { message: 'on the record' })
    expect(reply.message.result?.content?.[0]?.text).toContain('on the record')
    const rows = await vi.waitFor(async () => {
      const { events } = await gateway.govern<{ events: Record<string, unknown>[] }>(
        'GET',
        '/logs/workload?limit=10',
      )
      const outcome = events.find((event) => event.phase === 'outcome' && event.tool === 'echo')
      expect(outcome).toBeDefined()
      return {
        outcome: outcome!,
        intent: events.find((event) => event.phase === 'intent' && event.tool === 'echo')!,
      }
    })
    expect(rows.intent).toMatchObject({
      serverName: 'everything',
      method: 'tools/call',
      era: 'session',
      grantId: key.id,
    })
    expect(rows.outcome).toMatchObject({
      outcome: 'ok',
      callId: rows.intent.callId,
      parentId: rows.intent.id,
    })
    expect(rows.intent.argsDigest).toMatch(/^[\w-]{43}$/)
    expect(JSON.stringify(rows)).not.toContain('on the record')
  })

  it('a revoke by another process on the same store is obeyed by the very next request', async () => {
    const other = await gateway.createKey()
    const theirs = { 'x-api-key': other.key }
    const session = await openSession(endpoint, theirs)
    expect((await session.call('demo__echo', { message: 'before' })).status).toBe(200)
    const store = await openStore(where, { clock: systemClock, log: silentLogger() })
    try {
      await revokeKey(testCore(store, systemClock), operator('req_test'), other.id)
      expect((await session.call('demo__echo', { message: 'after' })).status).toBe(401)
    } finally {
      await store.close()
    }
  })

  it('a revoke closes the open streams of both eras within a second, and only those of that credential', async () => {
    const doomed = await gateway.createKey()
    const theirs = { 'x-api-key': doomed.key }
    const session = await openSession(endpoint, theirs)
    const mine = await openSession(endpoint, credential)
    const streams = [
      await openStream(endpoint, session.headers),
      await openStream(endpoint, { ...theirs, ...LISTEN_HEADERS }, LISTEN),
    ]
    const kept = await openStream(endpoint, mine.headers)
    const began = performance.now()
    await gateway.govern('POST', `/keys/${doomed.id}/revoke`)
    await Promise.all(streams.map((stream) => stream.ended))
    expect(performance.now() - began).toBeLessThan(1000)
    expect(kept.open()).toBe(true)
    kept.cut()
    await kept.ended
  })

  it('a session of one person is unknown to another, and gone after DELETE', async () => {
    await gateway.addUser('mallory')
    const { key: foreign } = await gateway.createKey({ userLogin: 'mallory' })
    const session = await openSession(endpoint, credential)
    for (const method of ['POST', 'GET', 'DELETE']) {
      const stolen = await fetch(endpoint, {
        method,
        headers: {
          ...session.headers,
          'x-api-key': foreign,
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
        },
        ...(method === 'POST' ? { body: JSON.stringify(rpc('tools/list')) } : {}),
      })
      expect(stolen.status, method).toBe(404)
    }
    expect((await session.request('tools/list')).status).toBe(200)
    const ended = await fetch(endpoint, { method: 'DELETE', headers: session.headers })
    expect(ended.status).toBe(204)
    expect((await session.request('tools/list')).status).toBe(404)
  })

  it('a foreign Host is refused before anything reads it, on every kind of route', async () => {
    for (const path of [
      '/mcp',
      '/',
      '/healthz',
      '/.well-known/oauth-authorization-server',
      '/oauth/token',
      '/assets/x.css',
    ]) {
      const { status, text } = await rawGet(gateway.url, path, 'evil.example')
      expect(status, path).toBe(421)
      expect(text).toContain(gateway.url)
      expect(text).not.toContain('evil.example/')
    }
  })

  it('changing the public URL ends the grants of the old one and takes effect at once', async () => {
    const client = await registerOauthClient(gateway.url)
    const { body } = await client.signIn(gateway.admin)
    const bearer = { authorization: `Bearer ${body.access_token}` }
    expect((await stateless(endpoint, bearer, 'tools/list')).status).toBe(200)

    const { endsGrants } = await gateway.govern<{ endsGrants: number }>(
      'POST',
      '/settings/public-url/preview',
      { publicUrl: 'https://tools.example' },
    )
    expect(endsGrants).toBeGreaterThan(0)
    await gateway.govern('PUT', '/settings/public-url', {
      publicUrl: 'https://tools.example',
      endsGrants,
    })
    await vi.waitFor(async () => {
      const metadata = JSON.parse(
        (await rawGet(gateway.url, '/.well-known/oauth-authorization-server', 'tools.example'))
          .text,
      )
      expect(metadata).toMatchObject({
        issuer: 'https://tools.example',
        token_endpoint: 'https://tools.example/oauth/token',
      })
    })
    const refused = await stateless(endpoint, bearer, 'tools/list')
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain(
      'resource_metadata="https://tools.example/',
    )

    const back = await gateway.govern<{ endsGrants: number }>(
      'POST',
      '/settings/public-url/preview',
      { publicUrl: null },
    )
    await gateway.govern('PUT', '/settings/public-url', {
      publicUrl: null,
      endsGrants: back.endsGrants,
    })
  })

  it('a server that is removed is unknown to the next call, and its tools are gone from the list', async () => {
    await gateway.addServer('passing', everything.url)
    const session = await openSession(endpoint, credential)
    await vi.waitFor(async () =>
      expect((await session.request('tools/list')).text).toContain('passing__echo'),
    )
    await gateway.govern('DELETE', '/servers/passing')
    const reply = await session.call('passing__echo', { message: 'x' })
    expect(reply.message.error).toMatchObject({ code: -32602 })
    expect((await session.request('tools/list')).text).not.toContain('passing__')
    expect((await post(`${gateway.url}/s/passing/mcp`, rpc('ping'))).status).toBe(404)
  })

  it('a session survives a restart of the gateway', async () => {
    const session = await openSession(endpoint, credential)
    const { port } = new URL(gateway.url)
    await gateway.close()
    gateway = await startGatewayHere({ dataDir, env, port: Number(port) })
    const reply = await session.call('everything__echo', { message: 'still the same session' })
    expect(reply.message.result?.content?.[0]?.text).toContain('still the same session')
  })
})

describe.skipIf(!postgres)('two replicas on one Postgres', () => {
  const databases = databasesOn(postgres ?? '')
  const dirs = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'mooring-replica-')))
  const replicas: Gateway[] = []

  beforeAll(async () => {
    // Replicas share the key of the vault; it seals what they share.
    const env = {
      MOORING_DB: await databases.take(),
      MOORING_KEY: randomBytes(32).toString('base64url'),
    }
    for (const dataDir of dirs) replicas.push(await startGatewayHere({ dataDir, env }))
    await replicas[0]!.addServer('everything', everything.url)
  })
  afterAll(async () => {
    for (const replica of replicas) await replica.close()
    await databases.dropAll()
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
  })

  it('answer for each other: a session of one is known to the other, and so is its end', async () => {
    const [a, b] = replicas as [Gateway, Gateway]
    const { key } = await a.createKey()
    const session = await openSession(`${a.url}/mcp`, { 'x-api-key': key })
    const there = await post(
      `${b.url}/mcp`,
      rpc('tools/call', { name: 'everything__echo', arguments: { message: 'over there' } }),
      session.headers,
    )
    expect(there.message.result?.content?.[0]?.text).toContain('over there')
    await fetch(`${b.url}/mcp`, { method: 'DELETE', headers: session.headers })
    expect((await session.request('ping')).status).toBe(404)
  })

  it('revoke for each other: 50 keys revoked on one are refused by the next request on the other', async () => {
    const [a, b] = replicas as [Gateway, Gateway]
    for (let i = 0; i < 50; i++) {
      const { id, key } = await a.createKey()
      const credential = { 'x-api-key': key }
      expect((await stateless(`${b.url}/mcp`, credential, 'tools/list')).status).toBe(200)
      await a.govern('POST', `/keys/${id}/revoke`)
      expect((await stateless(`${b.url}/mcp`, credential, 'tools/list')).status, `round ${i}`).toBe(
        401,
      )
    }
  })
})

describe('a store that cannot be written', () => {
  it('refuses the call, says so, and nothing reaches the server', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'mooring-locked-'))
    const ledger = join(dataDir, 'ledger.txt')
    const echo = await startProgram('test/fixtures/servers/echo.ts', ['--ledger', ledger])
    const gateway = await startGatewayHere({ dataDir })
    const blocker = new DatabaseSync(join(dataDir, 'events.db'))
    try {
      await gateway.addServer('echo', echo.url)
      const session = await openSession(`${gateway.url}/mcp`, {
        'x-api-key': (await gateway.createKey()).key,
      })
      expect(
        (await session.call('echo__echo', { message: 'fine' })).message.result?.isError,
      ).toBeUndefined()
      blocker.exec('begin exclusive')
      const reply = await session.call('echo__echo', { message: 'must not arrive' })
      expect(reply.message.error).toMatchObject({
        code: -31000,
        data: { code: 'storage_unavailable' },
      })
      expect(readFileSync(ledger, 'utf8')).not.toContain('must not arrive')
      blocker.exec('rollback')
      expect(
        (await session.call('echo__echo', { message: 'again' })).message.result?.content?.[0]?.text,
      ).toContain('again')
    } finally {
      blocker.close()
      await gateway.close()
      await echo.stop()
      rmSync(dataDir, { recursive: true, force: true })
    }
  })
})

const LISTEN_HEADERS = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'subscriptions/listen',
}
const LISTEN = rpc('subscriptions/listen', {
  notifications: { toolsListChanged: true },
  _meta: {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  },
})

/** A stream as a client holds it: resolves once its headers are there. */
async function openStream(url: string, headers: Record<string, string>, body?: object) {
  const cut = new AbortController()
  const reply = await fetch(url, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...headers,
      accept: body ? 'application/json, text/event-stream' : 'text/event-stream',
      'content-type': 'application/json',
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: cut.signal,
  })
  expect(reply.status).toBe(200)
  expect(reply.headers.get('content-type')).toBe('text/event-stream')
  let open = true
  const ended = reply.text().then(
    () => {
      open = false
    },
    () => {
      open = false
    },
  )
  return { ended, open: () => open, cut: () => cut.abort() }
}

function rawGet(
  origin: string,
  path: string,
  host: string,
): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers: { host } }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      )
    })
      .on('error', reject)
      .end()
  })
}
