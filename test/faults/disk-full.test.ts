// A whole gateway on a disk that fills up: what has to be refused is refused in words, what takes rights away still works,
// and all is well again when there is room, without a restart. The disk is a small tmpfs, so this needs root on Linux.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { callRows, notOneOutcome } from '../fixtures/event-rows.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { type OauthClient, registerOauthClient } from '../fixtures/oauth-client.ts'
import { type Browser, openBrowser } from '../fixtures/person.ts'
import { openSession, post, rpc, type Session, stateless } from '../fixtures/raw-client.ts'

const mountable = process.platform === 'linux' && process.getuid?.() === 0
const DISK = '24m'

describe.runIf(mountable)('a full disk', () => {
  const disk = mkdtempSync(join(tmpdir(), 'mooring-disk-'))
  const ballast = join(disk, 'ballast')
  const dataDir = join(disk, 'data')
  let gateway: GatewayProcess
  let keys: { id: string; key: string }[]
  let session: Session
  let oauth: OauthClient
  let refreshToken: string
  let browser: Browser

  const credential = (n: number) => ({ 'x-api-key': keys[n]!.key })
  const fill = () => {
    for (const size of [256 * 1024, 4096, 1])
      for (let n = 0; ; n++) {
        try {
          writeFileSync(`${ballast}.${size}.${n}`, Buffer.alloc(size, 1))
        } catch (error) {
          if ((error as { code?: string }).code !== 'ENOSPC') throw error
          break
        }
      }
  }
  const free = () => execFileSync('sh', ['-c', `rm -f ${ballast}.*`])
  const call = () => session.call('demo__echo', { message: 'hello' })
  /** Fills in the form of a page that is for signed-in people, or signs in. */
  const submit = async (path: string, fields: Record<string, string> = {}) => {
    const page = await browser.open(`${gateway.url}${path}`)
    const form = page.forms.find(({ action }) => !action.includes('logout'))!
    const values = new URLSearchParams(form.values)
    for (const [name, value] of Object.entries(fields)) values.set(name, value)
    return browser.open(new URL(form.action || path, gateway.url).href, values, {
      origin: gateway.url,
      'sec-fetch-site': 'same-origin',
    })
  }
  const readyz = async () => {
    const reply = await fetch(`${gateway.url}/readyz`)
    return { status: reply.status, text: await reply.text() }
  }

  beforeAll(async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk])
    gateway = await startGatewayProcess({ dataDir, demo: true })
    keys = []
    for (let n = 0; n < 30; n++) keys.push(await gateway.createKey())
    session = await openSession(`${gateway.url}/mcp`, credential(0))
    oauth = await registerOauthClient(gateway.url)
    refreshToken = (await oauth.signIn(gateway.admin)).body.refresh_token!
    browser = openBrowser()
    await submit('/login', gateway.admin)
    expect((await call()).message.result).toBeDefined()
    fill()
    // What lies free in the files of the database is used up first.
    await vi.waitFor(async () => expect((await call()).status).toBe(503), { timeout: 20_000 })
  }, 60_000)
  afterAll(async () => {
    await gateway?.close()
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true, force: true })
  })

  it('refuses calls of both eras with 503, when to try again, and the disk as the cause', async () => {
    const params = { name: 'demo__echo', arguments: { message: 'hello' } }
    for (const reply of [
      await call(),
      await stateless(`${gateway.url}/mcp`, credential(0), 'tools/call', params),
    ]) {
      expect(reply.status).toBe(503)
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(reply.message).toMatchObject({
        id: 1,
        error: {
          data: { code: 'storage_unavailable' },
          message: expect.stringContaining('disk is full'),
        },
      })
    }
  })

  it('says that it lives and why it is not ready', async () => {
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
    const { status, text } = await readyz()
    expect(status).toBe(503)
    expect(text).toContain('disk is full')
  })

  it('still lists tools, grants and keys', async () => {
    const { tools } = (await session.request('tools/list')).message.result as { tools: unknown[] }
    expect(tools.length).toBeGreaterThan(0)
    const listed = await gateway.govern<{ keys: unknown[] }>('GET', '/keys')
    expect(listed.keys).toHaveLength(keys.length)
  })

  it('refuses new rights in words, and a refresh may be repeated later', async () => {
    await expect(gateway.createKey()).rejects.toThrow('disk is full')
    const { status, body } = await oauth.refresh(refreshToken)
    expect(status).toBe(503)
    expect(body.error).toBe('temporarily_unavailable')
  })

  it('revokes all the same, and the very next request is refused', async () => {
    for (let n = 1; n < 25; n++) {
      await gateway.govern('POST', `/keys/${keys[n]!.id}/revoke`)
      const { status, text } = await post(`${gateway.url}/mcp`, rpc('ping'), credential(n))
      expect(status, text).toBe(401)
    }
    expect((await call()).status).toBe(503)
  })

  it('lets a person revoke on the pages, who signed in before', async () => {
    const page = await submit(`/keys/${keys[26]!.id}/revoke`)
    expect(page.status, page.url.href).toBe(200)
    expect((await post(`${gateway.url}/mcp`, rpc('ping'), credential(26))).status).toBe(401)
  })

  it('goes on without a restart when there is room, and has lost nothing', async () => {
    free()
    await vi.waitFor(async () => expect((await call()).status).toBe(200), { timeout: 10_000 })
    expect((await readyz()).status).toBe(200)
    expect((await oauth.refresh(refreshToken)).status).toBe(200)
    expect((await post(`${gateway.url}/mcp`, rpc('ping'), credential(1))).status).toBe(401)
    expect((await post(`${gateway.url}/mcp`, rpc('ping'), credential(28))).status).not.toBe(401)
    await vi.waitFor(async () => expect(notOneOutcome(await callRows(dataDir))).toEqual([]), {
      timeout: 10_000,
    })
    const { code, stdout } = await gateway.mooring('audit', 'verify')
    expect(code, stdout).toBe(0)
    expect(statfsSync(disk).bavail).toBeGreaterThan(0)
  })

  it('logged what happened, and no secret', () => {
    const printed = gateway.output()
    expect(printed).toContain('disk is full')
    for (const secret of [...keys.map(({ key }) => key), refreshToken])
      expect(printed).not.toContain(secret)
  })
})
