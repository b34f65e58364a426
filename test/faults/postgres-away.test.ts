// A database that stalls, vanishes, stands still or crashes under two gateways: waiting is bounded, nothing is served on a
// stale view, and all is well again by itself.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { type Cluster, startOwnCluster } from '../fixtures/postgres-cluster.ts'
import { type Program, startProgram } from '../fixtures/program.ts'
import { callOf, openSession, post, type Session, stateless } from '../fixtures/raw-client.ts'
import { startWeakWire, type WeakWire } from '../fixtures/weak-wire.ts'

/** Connecting and asking may each take five seconds; the rest is for a busy machine. */
const BOUND_MS = 20_000
/** Both ends of ten connections of the pool, one that appends, one that listens, one that is being replaced. */
const MOST_SOCKETS = 2 * 13

describe.skipIf(!process.env.MOORING_TEST_POSTGRES_URL)('Postgres is away', () => {
  const dir = mkdtempSync(join(tmpdir(), 'mooring-away-'))
  const ledger = join(dir, 'ledger.txt')
  let cluster: Cluster
  let wire: WeakWire
  let echo: Program
  /** Reaches the database over the wire. */
  let far: Gateway
  /** Reaches it directly. */
  let near: Gateway
  let session: Session
  let good: { id: string; key: string }

  beforeAll(async () => {
    cluster = await startOwnCluster()
    const url = new URL(cluster.url)
    wire = await startWeakWire(Number(url.port))
    echo = await startProgram('test/fixtures/servers/echo.ts', ['--ledger', ledger])
    const env = { MOORING_KEY: randomBytes(32).toString('base64url'), MOORING_LOG_LEVEL: 'silent' }
    near = await startGatewayHere({
      dataDir: join(dir, 'near'),
      env: { ...env, MOORING_DB: url.href },
    })
    await near.addServer('echo', echo.url)
    url.port = String(wire.port)
    far = await startGatewayHere({
      dataDir: join(dir, 'far'),
      env: { ...env, MOORING_DB: url.href },
    })
    good = await near.createKey()
    session = await openSession(`${far.url}/mcp`, { 'x-api-key': good.key })
    expect((await session.call('echo__echo', { message: 'before' })).status).toBe(200)
  }, 90_000)
  afterAll(async () => {
    await far?.close()
    await near?.close()
    await echo?.stop()
    await wire?.close()
    await cluster?.stop()
    rmSync(dir, { recursive: true, force: true })
  }, 60_000)

  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const began = performance.now()
    const result = await work
    expect(performance.now() - began).toBeLessThan(BOUND_MS)
    return result
  }
  const refusedEverywhere = async (message: string) => {
    const params = { name: 'echo__echo', arguments: { message } }
    const credential = { 'x-api-key': good.key }
    const replies = await timed(
      Promise.all([
        session.call('echo__echo', { message }),
        session.request('tools/list'),
        stateless(`${far.url}/mcp`, credential, 'tools/call', params),
        post(`${far.url}/mcp`, callOf('echo__echo', { message }), {
          'x-api-key': `mk_${'x'.repeat(40)}`,
        }),
      ]),
    )
    for (const reply of replies.slice(0, 3)) {
      // After ten silent seconds a stream is the answer; then the error stands in it.
      expect([503, 200], reply.text).toContain(reply.status)
      if (reply.status === 503) expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(reply.message.error?.data).toMatchObject({ code: 'storage_unavailable' })
    }
    expect(replies[3]!.status).not.toBe(200)
    expect(readFileSync(ledger, 'utf8')).not.toContain(message)
    expect((await fetch(`${far.url}/healthz`)).status).toBe(200)
    const ready = await timed(fetch(`${far.url}/readyz`))
    expect(ready.status).toBe(503)
    expect(((await ready.json()) as { reason: string }).reason).not.toBe('')
  }
  const worksAgain = (message: string) =>
    vi.waitFor(
      async () => {
        const reply = await session.call('echo__echo', { message })
        expect(reply.message.result?.content?.[0]?.text).toBe(message)
        expect((await fetch(`${far.url}/readyz`)).status).toBe(200)
      },
      { timeout: 25_000, interval: 200 },
    )

  it.each(['stall', 'cut'] as const)(
    'over a connection that fails (%s): refused in time, and what another replica revoked meanwhile stays revoked',
    async (how) => {
      const doomed = await near.createKey()
      const theirs = await openSession(`${far.url}/mcp`, { 'x-api-key': doomed.key })
      expect((await theirs.call('echo__echo', { message: 'still good' })).status).toBe(200)
      onTestFinished(() => wire.heal())
      wire[how]()
      await near.govern('POST', `/keys/${doomed.id}/revoke`)
      const during = await timed(theirs.call('echo__echo', { message: `revoked in ${how}` }))
      expect(during.message.error?.data, during.text).toMatchObject({ code: 'storage_unavailable' })
      await refusedEverywhere(`lost in ${how}`)
      wire.heal()
      await worksAgain(`after ${how}`)
      expect((await theirs.call('echo__echo', { message: `revoked in ${how}` })).status).toBe(401)
      expect(readFileSync(ledger, 'utf8')).not.toContain(`revoked in ${how}`)
      expect(wire.open()).toBeLessThanOrEqual(MOST_SOCKETS)
    },
    90_000,
  )

  it('that stands still is not waited for without end, and is used again once it moves', async () => {
    const processes = [cluster.pid, ...childrenOf(cluster.pid)]
    for (const pid of processes) process.kill(pid, 'SIGSTOP')
    try {
      await refusedEverywhere('frozen')
    } finally {
      for (const pid of processes) process.kill(pid, 'SIGCONT')
    }
    await worksAgain('thawed')
    expect(wire.open()).toBeLessThanOrEqual(MOST_SOCKETS)
  }, 90_000)

  it('that crashes has kept every key and revoke that was acknowledged', async () => {
    const kept = await near.createKey()
    const gone = await near.createKey()
    await near.govern('POST', `/keys/${gone.id}/revoke`)
    // One that dies makes all of it start anew from its log.
    const client = new pg.Client({ connectionString: cluster.url })
    client.on('error', () => {})
    await client.connect()
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    process.kill(rows[0]!.pid, 'SIGKILL')
    await worksAgain('recovered')
    const call = async ({ key }: { key: string }) =>
      (await stateless(`${far.url}/mcp`, { 'x-api-key': key }, 'tools/list')).status
    expect(await call(kept)).toBe(200)
    expect(await call(gone)).toBe(401)
  }, 90_000)
})

const childrenOf = (pid: number): number[] =>
  execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)])
    .toString()
    .trim()
    .split(/\s+/)
    .map(Number)
