import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { emptyFolders, type Folder } from '../../test/fixtures/command.ts'
import { describeReach, warnOfBind } from './reach.ts'

const folder = emptyFolders()
const READY = /Connect +(http:\/\/127\.0\.0\.1:\d+)\/mcp/
const quick = ['serve', '--port', '0', '--no-open']

const serve = (at: Folder, ...more: string[]) => at.child([...quick, ...more])

describe('mooring serve in an empty folder', () => {
  it('says where the data is, where to connect, how to set up, and who can reach it', async () => {
    const at = folder()
    const gateway = serve(at)
    const url = (await gateway.says(READY))[1]!
    const output = await gateway.says(/Reach[\s\S]*Reach[\s\S]*\n/)
    expect(output.input).toContain(at.data)
    expect(output.input).toMatch(/Set up +http:\/\/127\.0\.0\.1:\d+\/setup\?token=\S+ /)
    expect(output.input).toMatch(/Claude on the web.*cannot/)
    expect(output.input).toMatch(/--public-url https/)
    const reply = await fetch(`${url}/mcp`, { method: 'POST' })
    expect(reply.status).toBe(401)
    gateway.process.kill('SIGTERM')
    const { code, stdout, stderr } = await gateway.ended
    expect([code, stdout]).toEqual([0, ''])
    expect(stderr).toMatch(/running calls may finish/)
    expect(existsSync(join(at.data, 'control.sock'))).toBe(false)
  })

  it('with --json prints one object, and nothing for people', async () => {
    const at = folder()
    const gateway = at.child([...quick, '--json'], { MOORING_LOG_LEVEL: 'silent' })
    await gateway.says(/\}\n/)
    gateway.process.kill('SIGINT')
    const { code, stdout, stderr } = await gateway.ended
    expect([code, stderr]).toEqual([0, ''])
    const said = JSON.parse(stdout)
    expect(said).toMatchObject({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      mcp: `${said.url}/mcp`,
      setupUrl: expect.stringContaining('/setup?token='),
      dataDir: at.data,
      pid: gateway.process.pid,
    })
  })
})

describe('a running gateway', () => {
  it('is governed by commands over its socket, which is for its owner only', async () => {
    const at = folder()
    const gateway = serve(at, '--demo')
    const url = (await gateway.says(READY))[1]!
    await gateway.says(new RegExp(`Demo +${url}/s/demo/mcp`))
    const created = await at.here([
      'users',
      'create',
      '--login',
      'anna',
      '--role',
      'admin',
      '--json',
    ])
    expect(created.code, created.stdout).toBe(0)
    const listed = await at.here(['servers', 'list', '--json'])
    // Only the gateway itself knows how a server does.
    expect(JSON.parse(listed.stdout).servers).toMatchObject([
      { name: 'demo', permit: 'all', status: expect.any(String) },
    ])
    const wrong = await at.here(['keys', 'create', '--user', 'nobody', '--name', 'x', '--json'])
    expect(wrong.code).toBe(2)
    expect(JSON.parse(wrong.stdout).error).toMatchObject({
      code: 'not_found',
      remedy: expect.stringContaining('mooring users list'),
    })
  })

  it('keeps a second one away from its data, which is told the process id', async () => {
    const at = folder()
    const gateway = serve(at)
    await gateway.says(READY)
    const second = await serve(at, '--json').ended
    expect(second.code).toBe(6)
    const { error } = JSON.parse(second.stdout)
    expect(error).toMatchObject({ code: 'data_locked', data: { pid: gateway.process.pid } })
    expect(error.message).toContain(String(gateway.process.pid))
    expect((await at.here(['users', 'list'])).code).toBe(0)
  })

  it('that was killed leaves nothing in the way of commands or of the next one', async () => {
    const at = folder()
    const gateway = serve(at)
    await gateway.says(READY)
    gateway.process.kill('SIGKILL')
    await gateway.ended
    expect(existsSync(join(at.data, 'control.sock'))).toBe(true)
    const created = await at.here(['users', 'create', '--login', 'anna', '--role', 'admin'])
    expect(created.code, created.stderr).toBe(0)
    const next = serve(at)
    await next.says(READY)
    const { pid } = JSON.parse(readFileSync(join(at.data, 'gateway.json'), 'utf8'))
    expect(pid).toBe(next.process.pid)
    next.process.kill('SIGTERM')
    const { code, stderr } = await next.ended
    expect(code).toBe(0)
    // There is an admin by now.
    expect(stderr).not.toContain('/setup')
  })
})

describe('what keeps a gateway from starting', () => {
  it('a port in use is named, with a way out', async () => {
    const taken = createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const { code, stdout, stderr } = await folder().child(['serve', '--port', String(port)]).ended
    taken.close()
    expect([code, stdout]).toEqual([6, ''])
    expect(stderr).toContain(`127.0.0.1:${port}`)
    expect(stderr).toContain(`--port ${port + 1}`)
    expect(stderr).toContain('(port_in_use)')
  })

  it('an address that this machine does not have', async () => {
    const { code, stdout } = await folder().child([...quick, '--host', '192.0.2.1', '--json']).ended
    expect(code).toBe(6)
    expect(JSON.parse(stdout).error.message).toContain('192.0.2.1')
  })

  it('a mistake in mooring.yaml is named with line and column', async () => {
    const at = folder()
    mkdirSync(at.data)
    const file = join(at.data, 'mooring.yaml')
    writeFileSync(file, 'port: 8420\nauth:\n  acces-token-ttl: 15m\n')
    const { code, stderr } = await serve(at).ended
    expect(code).toBe(6)
    expect(stderr).toContain(
      `${file}:3:3: There is no setting auth.acces-token-ttl. Did you mean auth.access-token-ttl?`,
    )
    expect(existsSync(join(at.data, 'state.db'))).toBe(false)
  })

  it('a configuration file that is not there, and a public URL with a path', async () => {
    const at = folder()
    const missing = await at.child([...quick, '--config', 'nowhere.yaml']).ended
    expect(missing.code).toBe(6)
    expect(missing.stderr).toContain(join(at.path, 'nowhere.yaml'))
    const path = await serve(at, '--public-url', 'https://mcp.example.com/mcp').ended
    expect(path.code).toBe(6)
    expect(path.stderr).toMatch(/--public-url: .*write https:\/\/mcp\.example\.com/)
  })
})

describe('what an address means', () => {
  it.each([
    ['http://127.0.0.1:8420', /Only this computer/],
    ['http://localhost:8420', /Only this computer/],
    ['http://192.168.1.5:8420', /Plain http/],
    ['https://mooring.local', /private/],
    ['https://10.0.0.5', /private/],
    ['https://mcp.example.com', /Every client/],
  ])('%s', (url, text) => {
    expect(describeReach(url).join('\n')).toMatch(text)
  })

  it('listening on the network without a public URL is warned about', () => {
    const settings = { host: '0.0.0.0', port: 8420, publicUrl: null }
    expect(warnOfBind(settings)).toMatch(/0\.0\.0\.0 port 8420.*not encrypted.*--public-url/)
    expect(warnOfBind({ ...settings, publicUrl: 'https://mcp.example.com' })).toBeNull()
    expect(warnOfBind({ ...settings, host: '127.0.0.1' })).toBeNull()
    expect(warnOfBind({ ...settings, host: '::1' })).toBeNull()
  })
})
