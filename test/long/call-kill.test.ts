// The gateway is killed at random points under load. The server behind keeps its own ledger; ours has to agree with it:
// every call that reached the server has an intent, and every intent has an outcome once the gateway has looked again.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonDigest } from '../../src/kernel/digest.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { type Program, startProgram } from '../fixtures/program.ts'
import { openSession } from '../fixtures/raw-client.ts'

const KILLS = 50
const CLIENTS = 8
/** Milliseconds of load before each kill, at most; a linear congruence makes the run repeatable. */
const LONGEST = 250

describe('kill -9 at random points under load', () => {
  const dir = mkdtempSync(join(tmpdir(), 'mooring-calls-'))
  const dataDir = join(dir, 'data')
  const ledgerFile = join(dir, 'ledger.txt')
  let echo: Program
  let gateway: GatewayProcess
  let acknowledged: string[]

  beforeAll(async () => {
    echo = await startProgram('test/fixtures/servers/echo.ts', ['--ledger', ledgerFile])
    gateway = await startGatewayProcess({ dataDir })
    await gateway.addServer('echo', echo.url, 'all')
    const { key } = await gateway.createKey()
    acknowledged = []
    let seed = 42
    for (let round = 0; round < KILLS; round++) {
      const stopped = { now: false }
      const clients = Array.from({ length: CLIENTS }, (_, client) =>
        load(`${gateway.url}/s/echo/mcp`, key, `${round}.${client}`, stopped, acknowledged),
      )
      seed = (seed * 1103515245 + 12345) % 2 ** 31
      await pause(50 + (seed % LONGEST))
      await gateway.kill()
      stopped.now = true
      await Promise.all(clients)
      gateway = await startGatewayProcess({ dataDir })
    }
  }, 15 * 60_000)
  afterAll(async () => {
    await gateway?.close()
    await echo?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('finds an intent for every call that reached the server', () => {
    const reached = readFileSync(ledgerFile, 'utf8').trim().split('\n')
    const intents = new Set(rows('intent').map(({ args_digest }) => args_digest))
    const missing = reached.filter((message) => !intents.has(jsonDigest({ message })))
    expect(missing).toEqual([])
    expect(reached.length).toBeGreaterThan(KILLS)
  })

  it('finds every acknowledged call in the ledger of the server', () => {
    const reached = new Set(readFileSync(ledgerFile, 'utf8').trim().split('\n'))
    expect(acknowledged.filter((message) => !reached.has(message))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(0)
  })

  it('has exactly one outcome for every call: as it ended, or unknown when a kill cut it off', () => {
    const outcomes = Map.groupBy(rows('outcome'), ({ call_id }) => call_id)
    const wrong = rows('intent').filter(({ call_id }) => outcomes.get(call_id)?.length !== 1)
    expect(wrong).toEqual([])
    const unknown = rows('outcome').filter(({ outcome }) => outcome === 'unknown')
    expect(unknown.length).toBeGreaterThan(0)
    expect(unknown.length).toBeLessThanOrEqual(KILLS * CLIENTS)
  })

  it('can still prove that no row was changed, dropped or reordered', async () => {
    const { code, stdout, stderr } = await gateway.mooring('audit', 'verify')
    expect(code, `${stdout}\n${stderr}`).toBe(0)
  })

  interface Row {
    call_id: string
    args_digest: string
    outcome: string | null
  }

  const rows = (phase: 'intent' | 'outcome'): Row[] => {
    const db = new DatabaseSync(join(dataDir, 'events.db'), { readOnly: true })
    try {
      const select =
        'select call_id, args_digest, outcome from workload_events where phase = ? and call_id is not null'
      return db.prepare(select).all(phase) as unknown as Row[]
    } finally {
      db.close()
    }
  }
})

/** Calls one after the other until the gateway is gone. */
async function load(
  url: string,
  key: string,
  name: string,
  stopped: { now: boolean },
  acknowledged: string[],
): Promise<void> {
  try {
    const session = await openSession(url, { 'x-api-key': key })
    for (let n = 0; !stopped.now; n++) {
      const message = `call ${name}.${n}`
      const { message: reply } = await session.call('echo', { message })
      if (reply.result?.content?.[0]?.text === message) acknowledged.push(message)
    }
  } catch (error) {
    // The connection ends with the gateway; anything else is a finding.
    if (!(error instanceof TypeError)) throw error
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
