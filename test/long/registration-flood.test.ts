// A flood of registrations from ever new networks, over ten hours of a moved clock: the disk stays bounded, people sign in
// meanwhile, and newcomers are served again when it is over (threats.md row 38).
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Hono } from 'hono'
import { afterEach, expect, it, vi } from 'vitest'
import { connect, openRig, publicClient, type Rig, refresh } from '../fixtures/authserver-rig.ts'
import { forEachStore } from '../fixtures/stores.ts'

afterEach(() => {
  vi.useRealTimers()
})

const ATTEMPTS = { sqlite: 100_000, postgres: 20_000 }
const HOURS = 10
const LIMITS = { registrationsPerHourInAll: 200, clients: 700, clientBytes: 4 * 2 ** 20 }

/** What a stranger may make as large as the rules let him. */
const body = (n: number) =>
  JSON.stringify({
    client_name: `Flood ${n} ${'x'.repeat(150)}`,
    redirect_uris: Array.from(
      { length: 1 + (n % 9) },
      (_, i) => `https://flood.example/${n}/${i}/${'y'.repeat(1_500)}`,
    ),
    token_endpoint_auth_method: n % 2 === 0 ? 'none' : 'client_secret_post',
  })

const bytesIn = (dir: string) =>
  readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)

async function stored(rig: Rig) {
  const row = await rig.core.store.db
    .selectFrom('clients')
    .select((e) => [
      e.fn.countAll().as('count'),
      e.fn.sum(e.fn('length', ['metadata'])).as('bytes'),
    ])
    .executeTakeFirstOrThrow()
  return { count: Number(row.count), bytes: Number(row.bytes) }
}

forEachStore((name, open) => {
  it('keeps the disk bounded, and lets people sign in meanwhile', async () => {
    let dir = ''
    const rig = await openRig(
      async (clock) => {
        const opened = await open(clock)
        dir = opened.dir
        return opened
      },
      { limits: LIMITS },
    )
    const connection = await connect(rig)
    const sizes: number[] = []
    const answers = new Map<number, number>()
    const app = new Hono()
    app.all('/oauth/*', (c) => rig.server.handle(c))
    let token = connection.refresh
    const attempts = ATTEMPTS[name]
    const began = performance.now()
    for (let hour = 0; hour < HOURS; hour++) {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_601_000 })
      for (let n = 0; n < attempts / HOURS; n++) {
        const net = hour * (attempts / HOURS) + n
        const reply = await app.request(`${rig.origin}/oauth/register`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'x-test-ip': `2001:db8:${(net >> 16).toString(16)}:${(net & 0xffff).toString(16)}::1`,
          },
          body: body(net),
        })
        answers.set(reply.status, (answers.get(reply.status) ?? 0) + 1)
        if (reply.status === 429) expect(reply.headers.get('retry-after')).toBe('3600')
      }
      // Who is connected goes on, and a person signs in anew with a client that is known.
      const refreshed = await refresh(rig, connection.client, token)
      expect(refreshed.status, JSON.stringify(refreshed.json)).toBe(200)
      token = refreshed.json.refresh_token
      expect((await connect(rig, { client: connection.client })).response.status).toBe(200)
      const now = await stored(rig)
      expect(now.count).toBeLessThanOrEqual(LIMITS.clients)
      // One more of the largest kind fits before the bound is seen.
      expect(now.bytes).toBeLessThan(LIMITS.clientBytes + 20_000)
      sizes.push(bytesIn(dir))
    }
    const spent = Math.round((performance.now() - began) / 1000)
    const mb = (bytes = 0) => (bytes / 2 ** 20).toFixed(1)
    console.log(
      `${name}: ${attempts} registrations in ${spent} s (${[...answers].map(([s, n]) => `${n}× ${s}`).join(', ')}); ${JSON.stringify(await stored(rig))}; folder ${mb(sizes[0])} MiB after one hour, ${mb(sizes.at(-1))} after ten`,
    )
    expect(new Set(answers.keys())).toEqual(new Set([201, 429]))
    expect(answers.get(201)).toBeLessThanOrEqual(HOURS * LIMITS.registrationsPerHourInAll)
    const audit = await rig.core.store.db.selectFrom('audit_events').select('detail').execute()
    expect(audit.length).toBeLessThan(HOURS * (LIMITS.registrationsPerHourInAll + 50))
    expect(Math.max(...audit.map(({ detail }) => detail?.length ?? 0))).toBeLessThan(2_000)
    // The rows of clients are bounded, and what grows is one short audit row for each that was let in.
    if (name === 'sqlite') expect(sizes.at(-1)).toBeLessThan(32 * 2 ** 20)

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_601_000 })
    const newcomer = await publicClient(rig, { client_name: 'A newcomer' })
    expect((await connect(rig, { client: newcomer })).response.status).toBe(200)
    expect(await rig.auditEvents('client.expired')).not.toEqual([])
  })
})
