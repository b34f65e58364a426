// SIGTERM in an orderly stop, and two gateways on one database that are restarted in turn under load. The server behind keeps
// its own ledger, and every call in it has an intent and one outcome.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { jsonDigest } from '../../src/kernel/digest.ts'
import { callRows, notOneOutcome } from '../fixtures/event-rows.ts'
import { freePort } from '../fixtures/free-port.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { type Program, startProgram } from '../fixtures/program.ts'
import { openSession, stateless } from '../fixtures/raw-client.ts'
import { type RoundRobin, startRoundRobin } from '../fixtures/round-robin.ts'

describe('SIGTERM', () => {
  const dir = mkdtempSync(join(tmpdir(), 'mooring-term-'))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  const started = async (name: string) => {
    const gateway = await startGatewayProcess({ dataDir: join(dir, name), demo: true })
    const { key } = await gateway.createKey()
    const session = await openSession(`${gateway.url}/mcp`, { 'x-api-key': key })
    const wait = async (seconds: number) => {
      return session.call('demo__wait', { seconds }).then(
        (reply) => (reply.message.result ? 'answered' : 'an error'),
        () => 'cut',
      )
    }
    return { gateway, wait }
  }

  it('stops accepting at once and lets a running call end', async () => {
    const { gateway, wait } = await started('drain')
    const call = wait(4)
    await vi.waitFor(async () =>
      expect(notOneOutcome(await callRows(join(dir, 'drain')))).toHaveLength(1),
    )
    const began = performance.now()
    const gone = gateway.close()
    await vi.waitFor(() => expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow('fetch failed'))
    expect(await call).toBe('answered')
    const answered = performance.now() - began
    await gone
    // It ends with its last call, not with the deadline of ten seconds.
    expect(performance.now() - began - answered).toBeLessThan(5000)
    const rows = await callRows(join(dir, 'drain'))
    expect(notOneOutcome(rows)).toEqual([])
    expect(rows.at(-1)).toMatchObject({ phase: 'outcome', outcome: 'ok' })
  })

  it('cuts a call that outlasts the deadline, and says in the log that its end is unknown', async () => {
    const { gateway, wait } = await started('deadline')
    const call = wait(200)
    await vi.waitFor(async () =>
      expect(notOneOutcome(await callRows(join(dir, 'deadline')))).toHaveLength(1),
    )
    const began = performance.now()
    await gateway.close()
    expect(performance.now() - began).toBeLessThan(30_000)
    expect(await call).not.toBe('answered')
    const rows = await callRows(join(dir, 'deadline'))
    expect(notOneOutcome(rows)).toEqual([])
    expect(rows.at(-1)).toMatchObject({ phase: 'outcome', outcome: 'unknown' })
  })
})

describe.skipIf(!process.env.MOORING_TEST_POSTGRES_URL)(
  'two gateways that are restarted in turn',
  () => {
    const RESTARTS = 6
    const CLIENTS = 6
    const dir = mkdtempSync(join(tmpdir(), 'mooring-rolling-'))
    const ledger = join(dir, 'ledger.txt')
    const databases = databasesOn(process.env.MOORING_TEST_POSTGRES_URL ?? '')
    const acknowledged: string[] = []
    const findings: string[] = []
    const running = new Map<string, GatewayProcess>()
    let db: string
    let echo: Program
    let front: RoundRobin
    let lost = 0

    beforeAll(async () => {
      db = await databases.take()
      echo = await startProgram('test/fixtures/servers/echo.ts', ['--ledger', ledger])
      front = await startRoundRobin()
      const env = {
        MOORING_DB: db,
        MOORING_KEY: randomBytes(32).toString('base64url'),
        MOORING_PUBLIC_URL: `http://127.0.0.1:${front.port}`,
      }
      const start = async (name: string) => {
        const port = await freePort()
        const gateway = await startGatewayProcess({ dataDir: join(dir, name), env, port })
        front.backends.set(name, port)
        running.set(name, gateway)
      }
      await start('a')
      await running.get('a')!.addServer('echo', echo.url, 'all')
      const credential = { 'x-api-key': (await running.get('a')!.createKey()).key }
      await start('b')

      let stop = false
      const client = async (name: string) => {
        for (let n = 0; !stop; n++) {
          const message = `${name}.${n}`
          const params = { name: 'echo', arguments: { message } }
          const url = `http://127.0.0.1:${front.port}/s/echo/mcp`
          try {
            const reply = await stateless(url, credential, 'tools/call', params)
            const heard = reply.message.result?.content?.[0]?.text
            if (heard !== message) findings.push(`${message}: ${reply.status} ${reply.text}`)
            else acknowledged.push(message)
          } catch (error) {
            // A connection that closed under a request: the client cannot know, the ledgers must.
            if (!(error instanceof TypeError)) throw error
            lost++
          }
        }
      }
      const clients = Array.from({ length: CLIENTS }, (_, n) => client(`c${n}`))
      for (let n = 0; n < RESTARTS; n++) {
        const name = n % 2 ? 'b' : 'a'
        front.backends.delete(name)
        await running.get(name)!.close()
        await start(name)
      }
      stop = true
      await Promise.all(clients)
    })
    afterAll(async () => {
      for (const gateway of running.values()) await gateway.close()
      await echo?.stop()
      await front?.close()
      await databases.dropAll()
      rmSync(dir, { recursive: true, force: true })
    })

    it('answer every call rightly or not at all', () => {
      expect(findings).toEqual([])
      expect(acknowledged.length).toBeGreaterThan(RESTARTS * CLIENTS)
      expect(lost).toBeLessThanOrEqual(RESTARTS * CLIENTS)
    })

    it('leave an intent and one outcome for every call in the ledger of the server', async () => {
      const rows = await callRows(dir, db)
      const digests = new Set(rows.map((row) => row.args_digest))
      const reached = readFileSync(ledger, 'utf8').trim().split('\n')
      expect(reached.filter((message) => !digests.has(jsonDigest({ message })))).toEqual([])
      expect(acknowledged.filter((message) => !reached.includes(message))).toEqual([])
      expect(new Set(reached).size).toBe(reached.length)
      expect(notOneOutcome(rows)).toEqual([])
    })
  },
)
