// Servers that answer garbage, on every transport, in front of a gateway of its own process: it never crashes, never
// gives one call the answer of another, and keeps its memory. SEED=… repeats a run.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mutations } from '../fixtures/garbage.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { type Program, root, startProgram } from '../fixtures/program.ts'
import { openSession, type Session } from '../fixtures/raw-client.ts'
import { seeded } from '../fixtures/seeded.ts'

const SCRIPT = 'test/fixtures/servers/odd/garbage.ts'
const ROUNDS = 11
const { seed, below } = seeded()
console.log(`SEED=${seed}`)

let gateway: GatewayProcess
let programs: Program[] = []
let session: Session

beforeAll(async () => {
  gateway = await startGatewayProcess({ env: { MOORING_LIMITS_CALL_TIMEOUT: '3s' } })
  programs = await Promise.all(['http', 'sse'].map((kind) => startProgram(SCRIPT, [kind])))
  const stdio = { kind: 'stdio', command: process.execPath, args: [join(root, SCRIPT), 'stdio'] }
  const specs = [
    stdio,
    { kind: 'http', url: programs[0]!.url },
    { kind: 'sse', url: programs[1]!.url },
  ]
  for (const spec of specs)
    await gateway.govern('POST', '/servers', { name: spec.kind, spec, permit: 'all' })
  // A good one, to see that the others do not touch it.
  await gateway.govern('POST', '/servers', { name: 'good', spec: stdio, permit: 'all' })
  const { key } = await gateway.createKey()
  session = await openSession(`${gateway.url}/mcp`, { authorization: `Bearer ${key}` })
}, 60_000)

afterAll(async () => {
  await gateway.close()
  await Promise.all(programs.map((program) => program.stop()))
})

const peakMb = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))![1]) / 1024
const textOf = (answer: Awaited<ReturnType<Session['call']>>) =>
  answer.message.result?.content?.[0]?.text

/** One spoiled call: an answer or an error of its own, and never the nonce of another call. */
async function spoiled(server: string, which: number, flood = 0): Promise<string> {
  const nonce = `${server}-${which}-${below(2 ** 31)}`
  const args = { seed: below(2 ** 31), which, nonce, flood }
  const answer = await session.call(`${server}__spoil`, args).catch(() => null)
  // From HTTP servers bytes are passed on as they come: what begins as garbage, or is cut, arrives like that.
  const passedOn = server === 'http'
  if (answer === null && passedOn) return 'cut'
  if (answer === null) throw new Error(`${nonce} was left without an answer`)
  const { message } = answer
  const ended = message.result ? 'result' : message.error ? 'error' : 'garbage'
  if (!passedOn) expect(ended, `${nonce}: ${answer.text.slice(0, 300)}`).not.toBe('garbage')
  const foreign =
    answer.text.match(/(stdio|http|sse|good)-\d+-\d+/g)?.filter((one) => one !== nonce) ?? []
  // A flipped byte may hit the nonce itself; the server and the number of the mutation tell whose it was.
  expect(foreign.filter((one) => !near(one, nonce))).toEqual([])
  return ended
}

const near = (a: string, b: string) =>
  a.length !== b.length || Array.from(a).filter((letter, i) => letter !== b[i]).length < 6

/** A refusal of the breaker passes by itself. */
async function recovers(server: string) {
  await expect
    .poll(async () => textOf(await session.call(`${server}__echo`, { nonce: 'still here' })), {
      timeout: 20_000,
      interval: 200,
    })
    .toBe('still here')
}

test.each(['stdio', 'http', 'sse'])(
  `on %s, hundreds of spoiled answers each end one call and nothing else`,
  async (server) => {
    const counts: Record<string, number> = {}
    for (let round = 0; round < ROUNDS; round++) {
      const calls = Array.from({ length: mutations }, (_, which) => spoiled(server, which))
      const good = session.call('good__echo', { nonce: `good-${round}` })
      for (const outcome of await Promise.all(calls)) counts[outcome] = (counts[outcome] ?? 0) + 1
      expect(textOf(await good)).toBe(`good-${round}`)
    }
    console.log(server, counts)
    expect(counts.result).toBeGreaterThan(0)
    await recovers(server)
  },
  120_000,
)

test.each(['stdio', 'http', 'sse'])(
  'on %s, a hundred megabytes without an end do not stay in memory',
  async (server) => {
    const before = peakMb()
    const outcome = await Promise.race([spoiled(server, 1, 100), spoiled('good', 6).then(() => '')])
    expect(['error', 'result', 'cut', 'garbage', '']).toContain(outcome)
    await recovers(server)
    console.log(`${server}: peak ${Math.round(before)} → ${Math.round(peakMb())} MB`)
    expect(peakMb() - before).toBeLessThan(400)
    await recovers('good')
  },
  60_000,
)

test('the gateway is the same process, answers, and says nothing of a fault of its own', async () => {
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  expect(gateway.output()).not.toMatch(/"level":60|unhandled|uncaught|RangeError|TypeError/i)
  expect((await session.request('tools/list')).message.result!.tools).toHaveLength(8)
})
