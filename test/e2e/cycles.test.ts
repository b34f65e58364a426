// Programs come and go, in every way that programs do, and nothing of them is left: no process, no zombie, no
// descriptor, no folder; not even of a gateway that was killed. The long run is test/long/cycles.test.ts.
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { quick, runCycles } from '../fixtures/cycles.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { descriptorsOf, processesWith, zombiesOf } from '../fixtures/processes.ts'
import { openSession } from '../fixtures/raw-client.ts'
import { seeded } from '../fixtures/seeded.ts'

const random = seeded()
console.log(`SEED=${random.seed}`)

/** With bubblewrap and another user where there are such, and with neither. */
const SANDBOXES = ['auto', 'off'] as const

test.each(SANDBOXES)(
  'with sandbox %s, 250 cycles leave nothing behind',
  async (sandbox) => {
    const left = await runCycles(random, sandbox, 250, 125)
    expect(left.processes).toEqual([])
    expect(left.zombies).toBe(0)
    expect(left.descriptors).toBeLessThanOrEqual(2)
    expect(left.folders).toEqual([])
  },
  60_000,
)

async function gatewayWith(habits: string[], mark: string, env: Record<string, string>) {
  const dataDir = await mkdtemp(join(tmpdir(), 'mooring-cycles-'))
  const running: GatewayProcess[] = []
  onTestFinished(async () => {
    for (const one of running) await one.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  const start = async () => {
    const gateway = await startGatewayProcess({ dataDir, env })
    running.splice(0, 1, gateway)
    return gateway
  }
  const gateway = await start()
  await Promise.all(
    habits.map((name) =>
      gateway.govern('POST', '/servers', { name, spec: quick(name, mark), permit: 'all' }),
    ),
  )
  return { gateway, start }
}

describe.each(SANDBOXES)('a gateway that is killed, with sandbox %s', (sandbox) => {
  test('takes its programs with it, and what they had left goes with the next start', async () => {
    const mark = `killed-${process.pid}-${random.below(2 ** 31)}`
    const env = { MOORING_SANDBOX: sandbox }
    const { gateway, start } = await gatewayWith(['clean', 'deaf', 'daemon'], mark, env)
    expect(processesWith(mark).length).toBeGreaterThanOrEqual(3)
    const folders = () =>
      readdirSync(tmpdir()).filter((name) => name.startsWith('mooring-servers-'))
    const before = folders()
    await gateway.kill()
    // Without a sandbox only the programs themselves go at once, not what they have started.
    const left = sandbox === 'off' ? 3 : 0
    await expect.poll(() => processesWith(mark).length, { timeout: 5000 }).toBeLessThanOrEqual(left)
    // The next start ends the rest, and starts its own again: other processes than before.
    const rest = processesWith(mark)
    const next = await start()
    expect(processesWith(mark).filter((pid) => rest.includes(pid))).toEqual([])
    expect(folders().filter((name) => before.includes(name)).length).toBeLessThan(before.length)
    await next.govern('DELETE', '/servers/deaf')
  })
})

test('a program that dies in the middle of 200 calls fails each with its cause, and leaves nothing', async () => {
  const mark = `dies-${process.pid}-${random.below(2 ** 31)}`
  const { gateway } = await gatewayWith(['clean'], mark, {})
  const { key } = await gateway.createKey()
  const session = await openSession(`${gateway.url}/mcp`, { authorization: `Bearer ${key}` })
  const round = async () => {
    const [good, died] = [await session.call('clean__good'), await session.call('clean__die')]
    expect(good.message.result?.content?.[0]?.text).toBe('good')
    expect(died.message.error?.message).toMatch(
      /The program of clean ended .*SIGKILL|exit code 137/,
    )
  }
  for (let i = 0; i < 10; i++) await round()
  const before = descriptorsOf(gateway.pid)
  for (let i = 0; i < 190; i++) await round()
  expect(descriptorsOf(gateway.pid) - before).toBeLessThanOrEqual(5)
  expect(zombiesOf(gateway.pid)).toBe(0)
  await session.call('clean__good')
  // One program, in however many processes its sandbox takes.
  expect(processesWith(mark).length).toBeLessThanOrEqual(3)
  const { events } = await gateway.govern<{ events: { tool: string; outcome: string }[] }>(
    'GET',
    '/logs/workload?limit=500',
  )
  expect(events.filter((e) => e.outcome === 'unknown').length).toBeGreaterThanOrEqual(100)
}, 60_000)

test('one that dies at once is tried less and less often, says why, and holds up nobody', async () => {
  const mark = `at-once-${process.pid}-${random.below(2 ** 31)}`
  const { gateway } = await gatewayWith(['clean', 'dies-at-once'], mark, {})
  const { key } = await gateway.createKey()
  const session = await openSession(`${gateway.url}/mcp`, { authorization: `Bearer ${key}` })
  expect((await session.call('clean__good')).message.result).toBeDefined()
  const { servers } = await gateway.govern<{ servers: { name: string; status: string }[] }>(
    'GET',
    '/servers',
  )
  expect(servers.find(({ name }) => name === 'dies-at-once')!.status).toMatch(/exit code 5/)
})
