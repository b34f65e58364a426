// The clock of the machine jumps by an hour, forth and back, under a running gateway: nobody has to sign in again, nothing
// times out, and the chain goes by numbers. Needs libfaketime, which lets the test set the clock of one process.
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { callRows, notOneOutcome } from '../fixtures/event-rows.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import {
  type OauthClient,
  registerOauthClient,
  type TokenAnswer,
} from '../fixtures/oauth-client.ts'
import { openSession, type Session, stateless } from '../fixtures/raw-client.ts'

const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
const HOUR = 3_600_000

describe.skipIf(!library)('the clock jumps', () => {
  const dir = mkdtempSync(join(tmpdir(), 'mooring-clock-'))
  const dataDir = join(dir, 'data')
  const offset = join(dir, 'offset')
  const env = {
    LD_PRELOAD: library!,
    FAKETIME_TIMESTAMP_FILE: offset,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  const jump = (hours: number) => writeFileSync(offset, `${hours < 0 ? '' : '+'}${hours}h\n`)
  let gateway: GatewayProcess
  let session: Session
  let oauth: OauthClient
  let tokens: TokenAnswer['body']
  let revoked: { key: string }

  const list = async (credential: Record<string, string>) =>
    (await stateless(`${gateway.url}/mcp`, credential, 'tools/list')).status
  const bearer = () => ({ authorization: `Bearer ${tokens.access_token}` })
  const call = async () => (await session.call('demo__echo', { message: 'x' })).message
  /** What the gateway itself says the time is. */
  const hoursAhead = async () => {
    const { events } = await gateway.govern<{ events: { at: string }[] }>(
      'GET',
      '/logs/workload?limit=1',
    )
    return Math.round((Date.parse(events[0]!.at) - Date.now()) / HOUR) + 0
  }

  beforeAll(async () => {
    jump(0)
    gateway = await startGatewayProcess({ dataDir, env, demo: true })
    const key = await gateway.createKey({ ttlMs: 24 * HOUR })
    session = await openSession(`${gateway.url}/mcp`, { 'x-api-key': key.key })
    const doomed = await gateway.createKey({ ttlMs: 24 * HOUR })
    await gateway.govern('POST', `/keys/${doomed.id}/revoke`)
    revoked = doomed
    oauth = await registerOauthClient(gateway.url)
    tokens = (await oauth.signIn(gateway.admin)).body
    expect(await list(bearer())).toBe(200)
  })
  afterAll(async () => {
    await gateway?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('an hour ahead: a call on its way is not timed out, others go on, and an expired token is refreshed', async () => {
    const slow = session.call('demo__wait', { seconds: 2 })
    jump(1)
    expect((await call()).result).toBeDefined()
    expect(await hoursAhead()).toBe(1)
    expect((await slow).message.result).toBeDefined()
    expect(await list(bearer())).toBe(401)
    const refreshed = await oauth.refresh(tokens.refresh_token!)
    expect(refreshed.status, JSON.stringify(refreshed.body)).toBe(200)
    tokens = refreshed.body
    expect(await list(bearer())).toBe(200)
  })

  it('and back, and an hour behind: nothing ends, and what was revoked stays revoked', async () => {
    for (const hours of [0, -1]) {
      jump(hours)
      expect((await call()).result).toBeDefined()
      expect(await hoursAhead()).toBe(hours)
      expect(await list(bearer())).toBe(200)
      expect(await list({ 'x-api-key': revoked.key })).toBe(401)
      tokens = (await oauth.refresh(tokens.refresh_token!)).body
      expect(await list(bearer())).toBe(200)
    }
  })

  it('before a restart: a call that was cut off gets its outcome although it seems to be of the future', async () => {
    jump(1)
    const cut = session.call('demo__wait', { seconds: 2 }).catch(() => null)
    await vi.waitFor(async () =>
      expect(notOneOutcome(await callRows(dataDir)).length).toBeGreaterThan(0),
    )
    await gateway.kill()
    await cut
    jump(-1)
    gateway = await startGatewayProcess({ dataDir, env })
    const rows = await callRows(dataDir)
    expect(notOneOutcome(rows)).toEqual([])
    expect(rows.at(-1)).toMatchObject({ phase: 'outcome', outcome: 'unknown' })
  })

  it('and the log still proves that it is whole', async () => {
    const { code, stdout } = await gateway.mooring('audit', 'verify')
    expect(code, stdout).toBe(0)
  })
})
