// The gateway is killed a hundred times while a client refreshes, on each store. Nobody may ever have to sign in again.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../fixtures/free-port.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { openSession } from '../fixtures/raw-client.ts'
import { dialects } from '../fixtures/stores.ts'

const KILLS = 100

describe.each(dialects)('kill -9 in the middle of a refresh on %s', (dialect) => {
  const databases = databasesOn(process.env.MOORING_TEST_POSTGRES_URL ?? '')
  const dataDir = mkdtempSync(join(tmpdir(), 'mooring-refresh-'))
  const env: Record<string, string> = { MOORING_KEY: randomBytes(32).toString('base64url') }
  let gateway: GatewayProcess | undefined
  beforeAll(async () => {
    if (dialect === 'postgres') env.MOORING_DB = await databases.take()
  })
  afterAll(async () => {
    await gateway?.close()
    await databases.dropAll()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('logs nobody out, a hundred times', async () => {
    const port = await freePort()
    const start = () => startGatewayProcess({ dataDir, port, env })
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
      // Every fourth answer is lost on its way: the gateway has consumed the token, and nobody heard.
      const unheard = round % 4 === 0
      if (unheard) await answer
      // The others from the first byte to just after the usual end, evenly.
      else await pause((usual * 1.2 * round) / KILLS)
      await gateway.kill()
      const reply = await answer
      if (reply?.status !== 200) unanswered++
      else if (!unheard) tokens = reply.body

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
    expect(unanswered).toBeGreaterThan(KILLS / 10)
    // Among them those whose token was consumed before the kill: the second use was a retry.
    const { events } = await gateway.govern<{ events: { code: string }[] }>(
      'GET',
      '/logs/auth?limit=1000',
    )
    const codes = events.map(({ code }) => code)
    const retried = codes.filter((code) => code === 'auth.refresh_retried').length
    console.log(
      `${dialect}: ${unanswered} refreshes cut off, ${retried} tokens used again after they were consumed`,
    )
    // The last events of a killed process may be lost with it, so not all of the fourth part are seen.
    expect(retried).toBeGreaterThan(KILLS / 10)
    expect(codes).not.toContain('auth.refresh_reuse')
    const credential = { authorization: `Bearer ${tokens.access_token}` }
    await expect(openSession(`${gateway.url}/mcp`, credential)).resolves.toBeDefined()
  })
})

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
