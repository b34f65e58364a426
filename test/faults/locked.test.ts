// A foreign process that keeps the database locked, and a folder that cannot be: bounded waiting, then a refusal in words.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { runProgram } from '../fixtures/program.ts'
import { openSession, type Session } from '../fixtures/raw-client.ts'

/** The state is waited for five seconds, the events two; the rest is for a busy machine. */
const BOUND_MS = 20_000

describe('a foreign process that locks', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mooring-foreign-'))
  let gateway: Gateway
  let session: Session
  beforeAll(async () => {
    gateway = await startGatewayHere({ dataDir, demo: true })
    const { key } = await gateway.createKey()
    session = await openSession(`${gateway.url}/mcp`, { 'x-api-key': key })
  })
  afterAll(async () => {
    await gateway?.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const call = () => session.call('demo__echo', { message: 'hello' })
  async function whileLocked<T>(file: string, work: () => Promise<T>): Promise<T> {
    const foreign = new DatabaseSync(join(dataDir, file))
    foreign.exec('begin immediate')
    try {
      return await work()
    } finally {
      foreign.exec('rollback')
      foreign.close()
    }
  }

  it('the events: calls are refused in time, others are answered meanwhile, and then it goes on', async () => {
    const refused = await whileLocked('events.db', async () => {
      const began = performance.now()
      const calling = call()
      const beside = Array.from({ length: 10 }, () => fetch(`${gateway.url}/healthz`))
      for (const reply of beside) expect((await reply).status).toBe(200)
      const answered = performance.now() - began
      const reply = await calling
      const ended = performance.now() - began
      expect(ended).toBeLessThan(BOUND_MS)
      // The wait of the call is not a wait of everybody.
      expect(answered).toBeLessThan(ended / 2)
      return reply
    })
    expect(refused.status).toBe(503)
    expect(refused.message.error?.message).toContain('locked')
    expect((await call()).status).toBe(200)
  })

  it('the state: calls go on, changes are refused in time and in words', async () => {
    await whileLocked('state.db', async () => {
      const began = performance.now()
      const creating = gateway.createKey()
      const refused = expect(creating).rejects.toThrow(
        /503.*another process keeps the database locked/,
      )
      expect((await call()).status).toBe(200)
      await refused
      expect(performance.now() - began).toBeLessThan(BOUND_MS)
    })
    expect((await gateway.createKey()).key).toMatch(/^mk_/)
  })
})

describe.runIf(process.platform === 'linux')('a data folder that can never be', () => {
  it.each(['/proc/nope', '/proc/nope/deeper', '/dev/null/data'])(
    '%s is a refusal with the reason, not a search without end',
    async (dir) => {
      const args = ['serve', '--data', dir, '--port', '0', '--no-open']
      const { code, stderr } = await runProgram('bin/mooring.js', args, { timeout: 20_000 })
      expect(code, stderr).toBe(6)
      expect(stderr).toContain(dir)
      expect(stderr).toMatch(/ENOENT|ENOTDIR/)
      expect(stderr).toContain('--data')
    },
  )
})
