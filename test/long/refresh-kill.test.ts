// The gateway is killed a hundred times while a client refreshes. Nobody may ever have to sign in again.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { openSession } from '../fixtures/raw-client.ts'

const KILLS = 100

describe('kill -9 in the middle of a refresh', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mooring-refresh-'))
  let gateway: GatewayProcess | undefined
  afterAll(async () => {
    await gateway?.close()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('logs nobody out, a hundred times', async () => {
    const port = await freePort()
    const start = () => startGatewayProcess({ dataDir, port })
    gateway = await start()
    const client = await registerOauthClient(gateway.url)
    const signedIn = await client.signIn(gateway.admin)
    expect(signedIn.status, JSON.stringify(signedIn.body)).toBe(200)
    let tokens = signedIn.body
    // The spread of the kills follows the time that a refresh takes on this machine.
    const began = performance.now()
    tokens = (await client.refresh(tokens.refresh_token!)).body
    const usual = performance.now() - began

    const lost: string[] = []
    let unanswered = 0
    for (let round = 0; round < KILLS; round++) {
      const answer = client.refresh(tokens.refresh_token!).catch(() => null)
      // From the first byte to just after the usual end, evenly.
      await pause((usual * 1.2 * round) / KILLS)
      await gateway.kill()
      const reply = await answer
      if (reply?.status === 200) tokens = reply.body
      else unanswered++

      gateway = await start()
      const again = await client.refresh(tokens.refresh_token!)
      if (again.status !== 200) {
        lost.push(`round ${round}: ${again.status} ${JSON.stringify(again.body)}`)
        break
      }
      tokens = again.body
    }
    expect(lost).toEqual([])
    // Otherwise the kills came too late to prove anything.
    expect(unanswered).toBeGreaterThan(KILLS / 5)
    const credential = { authorization: `Bearer ${tokens.access_token}` }
    await expect(openSession(`${gateway.url}/mcp`, credential)).resolves.toBeDefined()
  })
})

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
