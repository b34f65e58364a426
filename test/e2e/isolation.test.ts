// A hostile server program behind a whole gateway: what it tries against the gateway and against another server fails;
// and with the sandbox off the very same tries succeed, so they do try.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createSandbox } from '../../src/servers/stdio/sandbox.ts'
import { startGatewayProcess } from '../fixtures/gateway.ts'
import { processesWith } from '../fixtures/processes.ts'
import { root } from '../fixtures/program.ts'
import { openSession } from '../fixtures/raw-client.ts'
import type { Prey } from '../fixtures/servers/odd/hostile.ts'

const isRoot = process.getuid?.() === 0
const bwrapWorks =
  spawnSync('bwrap', ['--bind', '/', '/', '--unshare-pid', '--proc', '/proc', 'true']).status === 0

async function attack(
  sandbox: 'auto' | 'off',
  env: Record<string, string> = {},
): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-config-'))
  chmodSync(folder, 0o755)
  const configFile = join(folder, 'mooring.yaml')
  writeFileSync(configFile, `sandbox: ${sandbox}\n`, { mode: 0o644 })
  const gateway = await startGatewayProcess({ flags: ['--config', configFile], env })
  onTestFinished(async () => {
    await gateway.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const script = join(root, 'test/fixtures/servers/odd/hostile.ts')
  const canary = `canary-${process.pid}-${Date.now()}`
  const add = (name: string, secret: string) =>
    gateway.govern('POST', '/servers', {
      name,
      permit: 'all',
      spec: { kind: 'stdio', command: process.execPath, args: [script] },
      secret: { env: { API_KEY: secret } },
    })
  await add('other', canary)
  await add('hostile', 'its own')
  const { key } = await gateway.createKey()
  const session = await openSession(`${gateway.url}/mcp`, { authorization: `Bearer ${key}` })
  const call = async <T>(name: string, args: object = {}): Promise<T> => {
    const { message, text } = await session.call(name, args)
    expect(message.result, text).toBeDefined()
    return JSON.parse(message.result!.content![0]!.text!) as T
  }
  const { socket } = JSON.parse(readFileSync(join(gateway.dataDir, 'gateway.json'), 'utf8')) as {
    socket: string
  }
  const pids = processesWith(canary)
  expect(pids.length).toBeGreaterThan(0)
  const where = await call<{ cwd: string }>('other__where')
  const prey: Prey = {
    dataDir: gateway.dataDir,
    socket,
    configFile,
    gateway: gateway.pid,
    other: { pid: pids.at(-1)!, ...where },
    canary,
  }
  return call('hostile__try', { ...prey })
}

const DENIED = /^(EACCES|EPERM|ENOENT|EROFS|ENOTDIR|ESRCH|ECONNREFUSED)$/

test('in the sandbox every attempt fails; where there is none, the gateway says so', async () => {
  const outcomes = await attack('auto')
  expect(Object.keys(outcomes)).toHaveLength(18)
  if (!isRoot && !bwrapWorks) {
    const sandbox = await createSandbox({ mode: 'auto', hidden: [] })
    expect(sandbox.report()).toContain('NOT kept apart')
    return
  }
  for (const [what, outcome] of Object.entries(outcomes)) expect(outcome, what).toMatch(DENIED)
}, 60_000)

test.runIf(isRoot)(
  'a user each is enough, but for a configuration that everybody may read',
  async () => {
    const noSandbox = { PATH: dirname(process.execPath) }
    const { 'reads the configuration': configuration, ...rest } = await attack('auto', noSandbox)
    expect(configuration).toBe('succeeded')
    for (const [what, outcome] of Object.entries(rest)) expect(outcome, what).toMatch(DENIED)
  },
  60_000,
)

test('without the sandbox the same attempts succeed', async () => {
  const outcomes = await attack('off')
  for (const [what, outcome] of Object.entries(outcomes)) expect(outcome, what).toBe('succeeded')
}, 60_000)
