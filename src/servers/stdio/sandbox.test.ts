import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server as SocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { linkRig, toolCall } from '../../../test/fixtures/link-rig.ts'
import { root } from '../../../test/fixtures/program.ts'
import type { Link } from '../link.ts'
import { createSandbox } from './sandbox.ts'

const rig = linkRig()
let base: string
let dataDir: string
let socket: SocketServer

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'mooring-sandbox-'))
  chmodSync(base, 0o755)
  dataDir = join(base, 'data')
  mkdirSync(dataDir, { mode: 0o700 })
  writeFileSync(join(dataDir, 'mooring.key'), 'canary-key', { mode: 0o600 })
  writeFileSync(join(dataDir, 'state.db'), 'canary-db', { mode: 0o600 })
  socket = createServer((connection) => connection.end())
  await new Promise<void>((resolve) => socket.listen(join(dataDir, 'control.sock'), resolve))
  process.env.MOORING_CANARY = 'canary-environment'
})

afterEach(async () => {
  delete process.env.MOORING_CANARY
  await new Promise((resolve) => socket.close(resolve))
  rmSync(base, { recursive: true, force: true })
})

const isRoot = process.getuid?.() === 0
const bwrapWorks =
  spawnSync('bwrap', ['--bind', '/', '/', '--unshare-pid', '--proc', '/proc', 'true']).status === 0

const spec = {
  kind: 'stdio' as const,
  command: process.execPath,
  args: [join(root, 'test/fixtures/servers/odd-stdio.ts'), 'good'],
}

async function tries(link: Link): Promise<Record<string, unknown>> {
  const run = async (name: string, path: string) =>
    (await link.request(toolCall(name, { path }))).result ?? {}
  return {
    key: (await run('read', join(dataDir, 'mooring.key'))).read,
    state: (await run('read', join(dataDir, 'state.db'))).read,
    write: (await run('write', join(dataDir, 'evil'))).wrote,
    socket: (await run('connect', join(dataDir, 'control.sock'))).connected,
    environment: (await run('read', `/proc/${process.pid}/environ`)).read,
    memory: (await run('read', `/proc/${process.pid}/maps`)).read,
    roundabout: (await run('read', `/proc/${process.pid}/root${dataDir}/mooring.key`)).read,
  }
}

const DENIED = /^(EACCES|EPERM|ENOENT|EROFS|ENOTDIR)$/

describe.skipIf(!isRoot && !bwrapWorks)('a server program', () => {
  test('cannot read the data folder, use the control socket, or read the environment of the gateway', async () => {
    const link = await rig.open(spec, {
      opener: rig.opener({ sandbox: 'auto', hidden: [dataDir] }),
    })
    for (const [what, outcome] of Object.entries(await tries(link)))
      expect(outcome, what).toMatch(DENIED)
  })

  test('starts where the data folder is below a folder that only its owner enters, such as /root', async () => {
    chmodSync(base, 0o700)
    const link = await rig.open(spec, {
      opener: rig.opener({ sandbox: 'auto', hidden: [dataDir] }),
    })
    const tried = await tries(link)
    for (const [what, outcome] of Object.entries(tried)) expect(outcome, what).toMatch(DENIED)
  })

  test('still has a home, a working folder and the rest of the system', async () => {
    const link = await rig.open(spec, {
      opener: rig.opener({ sandbox: 'required', hidden: [dataDir] }),
    })
    const { env, cwd, uid } = (await link.request(toolCall('environment'))).result as {
      env: Record<string, string>
      cwd: string
      uid: number
    }
    const write = async (path: string) =>
      (await link.request(toolCall('write', { path }))).result?.wrote
    expect(await write(join(cwd, 'note'))).toBe('done')
    if (isRoot) {
      expect(uid).toBeGreaterThanOrEqual(60_600)
      expect(env).toMatchObject({ USER: `mooring-${uid}` })
      expect(await write(join(env.HOME!, 'note'))).toBe('done')
    }
    const read = await link.request(toolCall('read', { path: '/etc/passwd' }))
    expect(read.result?.read).toContain('root')
  })
})

test.runIf(isRoot)('the other user alone keeps a program away from the data', async () => {
  const sandbox = await createSandbox({ mode: 'auto', hidden: [dataDir], bwrap: null })
  const { uid, gid } = sandbox.userOf('srv_a')!
  for (const path of [join(dataDir, 'mooring.key'), `/proc/${process.pid}/environ`]) {
    const { status, stdout } = spawnSync('cat', [path], { uid, gid, encoding: 'utf8' })
    expect(status).not.toBe(0)
    expect(stdout).toBe('')
  }
})

test.runIf(bwrapWorks)('bubblewrap alone hides the data, even from the same user', async () => {
  const sandbox = await createSandbox({ mode: 'auto', hidden: [dataDir], uid: 1000 })
  expect(sandbox.userOf('srv_a')).toBeUndefined()
  const own = join(base, 'servers', 'own')
  mkdirSync(own, { recursive: true })
  const { command, args } = sandbox.confine(
    '/bin/sh',
    [
      '-c',
      `cat ${dataDir}/mooring.key /proc/${process.pid}/environ; ls -A ${dataDir}; touch ${dataDir}/evil`,
    ],
    { own, all: join(base, 'servers') },
  )
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8' })
  expect(stdout).toBe('')
  expect(stderr.match(/No such file|Read-only/g)).toHaveLength(3)
  expect(status).not.toBe(0)
})

test('without a sandbox a program can read the data: the tries above do try', async () => {
  const link = await rig.open(spec, { opener: rig.opener({ sandbox: 'off', hidden: [dataDir] }) })
  expect(await tries(link)).toMatchObject({
    key: 'canary-key',
    state: 'canary-db',
    socket: 'connected',
    environment: expect.any(String),
  })
})

test('the report says plainly what protects the gateway, and when nothing does', async () => {
  const report = async (options: Partial<Parameters<typeof createSandbox>[0]>) =>
    (await createSandbox({ mode: 'auto', hidden: [], uid: 1000, bwrap: null, ...options })).report()
  expect(await report({})).toContain('NOT kept apart')
  expect(await report({ uid: 0 })).toContain('as a user each')
  expect(await report({ bwrap: 'bwrap' })).toContain('in a sandbox')
  expect(await report({ uid: 0, bwrap: 'bwrap' })).toMatch(/user each.*sandbox/)
  expect(await report({ mode: 'off', uid: 0 })).toContain('sandbox: off')
})

test('a required sandbox that is not there refuses to start anything', async () => {
  const sandbox = await createSandbox({ mode: 'required', hidden: [], uid: 1000, bwrap: null })
  expect(() => sandbox.confine('/bin/true', [], { own: base, all: base })).toThrow(
    'this system offers none',
  )
})
