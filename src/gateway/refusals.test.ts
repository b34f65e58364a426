// Anyone may knock: what the log keeps of strangers is bounded.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../../test/fixtures/gateway.ts'
import { post } from '../../test/fixtures/raw-client.ts'

const KNOCKS = 300

let gateway: Gateway

beforeAll(async () => {
  gateway = await startGatewayHere()
})

afterAll(() => gateway.close())

it('a stranger who knocks without end fills no disk, and is refused all the same', async () => {
  for (let i = 0; i < KNOCKS; i++) expect((await post(`${gateway.url}/mcp`, {})).status).toBe(401)
  const { stdout } = await gateway.mooring('logs', 'auth', '--limit', '1000', '--json')
  const noted = stdout.split('token.refused').length - 1
  expect(noted).toBeGreaterThan(0)
  expect(noted).toBeLessThan(KNOCKS / 2)
})
