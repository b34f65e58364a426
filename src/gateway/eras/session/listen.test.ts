// A stream that is being resumed at a server that takes its time.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../../../../test/fixtures/gateway.ts'
import { openSession } from '../../../../test/fixtures/raw-client.ts'
import {
  json,
  type OddServer,
  result,
  sessionEra,
  startOdd,
} from '../../../../test/fixtures/servers/odd-http.ts'

let gateway: Gateway
let odd: OddServer
const asked = Promise.withResolvers<{ cut: Promise<void> }>()

beforeAll(async () => {
  const plain = sessionEra((request, res) => json(res, 200, result(request, { tools: [] })))
  odd = await startOdd((request, res) => {
    if (request.method !== 'GET') return plain(request, res)
    if (request.headers['last-event-id'] === undefined) return res.writeHead(405).end()
    return asked.resolve({ cut: new Promise((resolve) => res.on('close', () => resolve())) })
  })
  gateway = await startGatewayHere()
  await gateway.addServer('odd', odd.url, 'all')
})
afterAll(async () => {
  await gateway?.close()
  await odd?.close()
})

it('ends with a revoke before the server has said anything', async () => {
  const { id, key } = await gateway.createKey()
  const session = await openSession(`${gateway.url}/s/odd/mcp`, { 'x-api-key': key })
  const resumed = fetch(`${gateway.url}/s/odd/mcp`, {
    headers: { ...session.headers, accept: 'text/event-stream', 'last-event-id': 'e-7' },
  }).then(
    ({ status }) => status,
    () => 'cut',
  )
  const { cut } = await asked.promise
  await gateway.govern('POST', `/keys/${id}/revoke`)
  expect(await resumed).toBe('cut')
  await cut
})
