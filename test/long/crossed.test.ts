// SDK CVE-2026-25536 and its like: 200 clients with equal JSON-RPC ids and equal progress tokens, 100,000 calls over both
// eras, both wire modes and every kind of server, some cancelled; the servers answer late, twice and under wrong ids.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { addCrossingServers, crossCalls } from '../fixtures/crossing-clients.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'

const seed = Number(process.env.SEED ?? Date.now() % 1e9)
let gateway: GatewayProcess
let servers: { close(): Promise<void> }

beforeAll(async () => {
  gateway = await startGatewayProcess({ env: { MOORING_SANDBOX: 'off' } })
  servers = await addCrossingServers(gateway)
})
afterAll(async () => {
  await gateway?.close()
  await servers?.close()
})

it('100,000 calls of 200 clients with equal ids and progress tokens reach each their own', async () => {
  const report = await crossCalls(gateway, { clients: 200, calls: 100_000, atOnce: 4, seed })
  expect(report.wrong, `SEED=${seed}\n${gateway.output().slice(-2000)}`).toEqual([])
  expect(report.calls).toBe(100_000)
  expect(report.answered + report.cancelled).toBe(100_000)
  expect(report.cancelled).toBeGreaterThan(500)
  expect(report.progress).toBeGreaterThan(20_000)
  expect(report.seconds).toBeLessThan(600)
})
