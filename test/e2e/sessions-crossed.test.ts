// A short run of test/long/crossed.test.ts: equal ids and tokens, both eras, every kind of server, nothing crossed.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { addCrossingServers, crossCalls } from '../fixtures/crossing-clients.ts'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'

const seed = Number(process.env.SEED ?? Date.now() % 1e9)
let gateway: Gateway
let servers: { close(): Promise<void> }

beforeAll(async () => {
  gateway = await startGatewayHere({ env: { MOORING_SANDBOX: 'off' } })
  servers = await addCrossingServers(gateway)
})
afterAll(async () => {
  await gateway?.close()
  await servers?.close()
})

it('5,000 calls of 40 clients with equal ids and progress tokens reach each their own', async () => {
  const report = await crossCalls(gateway, { clients: 40, calls: 5000, atOnce: 4, seed })
  expect(report.wrong, `SEED=${seed}`).toEqual([])
  expect(report.calls).toBe(5000)
  expect(report.answered + report.cancelled).toBe(5000)
  expect(report.cancelled).toBeGreaterThan(10)
  expect(report.progress).toBeGreaterThan(1000)
}, 120_000)
