// A thousand races of two or ten programs that refresh with one token at once, as the processes of one client do that
// share their store. Nobody may ever have to sign in again (C17; the rule of authorization-server.md §2.3).
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  connect,
  openRig,
  type Rig,
  refresh,
  type SignedInClient,
} from '../fixtures/authserver-rig.ts'
import { freePort } from '../fixtures/free-port.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { seeded } from '../fixtures/seeded.ts'
import { forEachStore } from '../fixtures/stores.ts'

const RACES = 500
const ACROSS = 100
const random = seeded()

interface Refreshed {
  status: number
  token: string | undefined
  why: string
}
type Refresh = (token: string, racer: number) => Promise<Refreshed>

/** Races on, each with a token of the one before. Returns what went wrong. */
async function race(races: number, first: string, refreshWith: Refresh): Promise<string[]> {
  const lost: string[] = []
  let token = first
  for (let n = 0; n < races && lost.length === 0; n++) {
    const width = n % 2 === 0 ? 2 : 10
    const answers = await Promise.all(
      Array.from({ length: width }, (_, racer) => refreshWith(token, racer)),
    )
    // Either all share one store and the last to write it wins, or each goes on with what it was given.
    const separate = random.below(5) === 0
    const next = separate
      ? await Promise.all(answers.map((answer, racer) => refreshWith(answer.token ?? '', racer)))
      : answers
    for (const { status, why } of [...answers, ...next])
      if (status !== 200) lost.push(`race ${n} of ${width}: ${status} ${why}`)
    token = next[random.below(width)]!.token ?? ''
  }
  return lost
}

const refreshIn =
  (rig: Rig, { client }: SignedInClient): Refresh =>
  async (token) => {
    const { status, json } = await refresh(rig, client, token)
    return { status, token: json.refresh_token, why: JSON.stringify(json) }
  }

forEachStore((name, open) => {
  it(`${RACES} races log nobody out`, async () => {
    const rig = await openRig(open)
    const connection = await connect(rig)
    const began = performance.now()
    const lost = await race(RACES, connection.refresh, refreshIn(rig, connection))
    console.log(
      `${name}: ${RACES} races in ${Math.round((performance.now() - began) / 1000)} s, seed ${random.seed}`,
    )
    expect(lost, `SEED=${random.seed}`).toEqual([])
    const grants = await rig.core.store.db.selectFrom('grants').selectAll().execute()
    expect(grants.map((grant) => grant.revoked_at)).toEqual([null])
    expect(await rig.authEvents('auth.refresh_reuse')).toEqual([])
    // Otherwise nothing ever ran at once.
    expect((await rig.authEvents('auth.refresh_retried')).length).toBeGreaterThan(RACES)
  })
})

const postgres = process.env.MOORING_TEST_POSTGRES_URL

describe.skipIf(!postgres)('two processes on one Postgres', () => {
  const databases = databasesOn(postgres ?? '')
  const dirs = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'mooring-races-')))
  const processes: GatewayProcess[] = []

  beforeAll(async () => {
    const ports = [await freePort(), await freePort()]
    const env = {
      MOORING_DB: await databases.take(),
      MOORING_KEY: randomBytes(32).toString('base64url'),
      MOORING_PUBLIC_URL: `http://127.0.0.1:${ports[0]}`,
    }
    for (const [i, dataDir] of dirs.entries())
      processes.push(await startGatewayProcess({ dataDir, port: ports[i]!, env }))
  })
  afterAll(async () => {
    for (const one of processes) await one.close()
    await databases.dropAll()
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
  })

  it(`${ACROSS} races across both log nobody out`, async () => {
    const [first] = processes as [GatewayProcess]
    const ports = processes.map(({ output }) => /127\.0\.0\.1:(\d+)/.exec(output())![1])
    const client = await registerOauthClient(first.url)
    const signedIn = await client.signIn(first.admin)
    expect(signedIn.status, JSON.stringify(signedIn.body)).toBe(200)
    const lost = await race(ACROSS, signedIn.body.refresh_token!, async (token, racer) => {
      const reply = await fetch(`http://127.0.0.1:${ports[racer % 2]}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: token,
          client_id: client.clientId,
        }),
      })
      const body = (await reply.json()) as { refresh_token?: string }
      return { status: reply.status, token: body.refresh_token, why: JSON.stringify(body) }
    })
    expect(lost, `SEED=${random.seed}`).toEqual([])
  })
})
