// A gateway under mixed load for some minutes, watched from outside: what is true before has to be true after.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { jsonDigest } from '../../src/kernel/digest.ts'
import { descendants, descriptorsOf } from '../fixtures/canaries.ts'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { root, startProgram } from '../fixtures/program.ts'
import { type Load, workers } from './workers.ts'

export interface Soak {
  minutes: number
  seed: number
  everySeconds: number
  say(line: string): void
}

/** More than this over the first, warm measure is a leak: memory that the load has to give back, or files left open. */
const MEMORY_FACTOR = 1.5
const MEMORY_ROOM = 96 * 1024 * 1024
const DESCRIPTOR_ROOM = 24
const CHILDREN = 1
/** What may happen to calls while servers are killed and restarted; anything else is a finding. */
const EXPECTED =
  /^(server_(start|unreachable|closed|timeout|garbage)|tool_unknown|token_revoked|overloaded|rate_limited)$/
const WARM_UP = 0.25

/** Runs the load; what was broken, in words. */
export async function soak({ minutes, seed, everySeconds, say }: Soak): Promise<string[]> {
  say(`soak: ${minutes} min, --seed ${seed}`)
  const dir = mkdtempSync(join(tmpdir(), 'mooring-soak-'))
  const ledger = join(dir, 'ledger.txt')
  const dataDir = join(dir, 'data')
  const startEcho = (port = '0') =>
    startProgram('test/fixtures/servers/echo.ts', ['--ledger', ledger, '--port', port])
  let echo = await startEcho()
  const gateway = await startGatewayProcess({ dataDir, demo: true })
  const broken: string[] = []
  try {
    await gateway.addServer('echo', echo.url)
    const args = [join(root, 'test/fixtures/servers/tell-tale-stdio.ts')]
    const env = { TELL_TALE_SECRET: 'here' }
    const spec = { kind: 'stdio', command: process.execPath, args }
    await gateway.govern('POST', '/servers', {
      name: 'child',
      spec,
      secret: { env },
      permit: 'all',
    })

    const watch = watcher(gateway, say)
    const end = performance.now() + minutes * 60_000
    const over = () => performance.now() >= end || broken.length > 20
    const acknowledged: string[] = []
    const clients = [await registerOauthClient(gateway.url)]
    const load = (random: () => number): Load => ({
      ...{ gateway, clients, random, over },
      pause: wait,
      nonce: () => `n${seed}-${nonces++}`,
      ended: (ms, code) => {
        watch.call(ms, code)
        if (code !== null && !EXPECTED.test(code)) broken.push(`a call ended with ${code}`)
      },
      acknowledged: (message) => void acknowledged.push(message),
      broken: (what) => void broken.push(what),
    })
    let nonces = 0
    const chaos = async (random: () => number) => {
      const { port } = new URL(echo.url)
      while (!over()) {
        await wait(2000 + random() * 6000)
        if (random() < 0.5) {
          await echo.stop('SIGKILL')
          await wait(random() * 500)
          echo = await startEcho(port)
        } else for (const pid of childrenOf(gateway)) killed(pid)
      }
    }
    const reporting = async () => {
      const began = performance.now()
      for (let n = 1; !over(); n++) {
        while (!over() && performance.now() < began + n * everySeconds * 1000) await wait(200)
        if (performance.now() - began >= minutes * 60_000 * WARM_UP) watch.warm()
        watch.report()
      }
    }
    const running = workers.map((worker, i) =>
      worker(load(randomFrom(seed + i))).catch((error: unknown) => {
        broken.push(`${worker.name}: ${String(error)} ${String((error as Error).cause ?? '')}`)
      }),
    )
    await Promise.all([...running, chaos(randomFrom(seed - 1)), reporting()])
    broken.push(...(await watch.grown()))
    broken.push(...(await lost(gateway, dataDir, ledger, acknowledged, say)))
  } finally {
    await gateway.close()
    await echo.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  return broken
}

function watcher(gateway: GatewayProcess, say: (line: string) => void) {
  const began = performance.now()
  let times: number[] = []
  let total = 0
  const codes = new Map<string, number>()
  let first: { memory: number; descriptors: number } | null = null
  const measure = () => ({
    memory: residentOf(gateway.pid),
    descriptors: descriptorsOf(gateway.pid),
  })
  return {
    call: (ms: number, code: string | null) => {
      total++
      times.push(ms)
      if (code !== null) codes.set(code, (codes.get(code) ?? 0) + 1)
    },
    warm: () => {
      first ??= measure()
    },
    report: () => {
      const sorted = times.sort((a, b) => a - b)
      const at = (part: number) =>
        `${(sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(1)} ms`
      times = []
      const { memory, descriptors } = measure()
      const errors = [...codes].map(([code, n]) => `${code} ${n}`).join(', ') || 'none'
      say(
        `${((performance.now() - began) / 1000).toFixed(0)} s: ${total} calls, errors: ${errors}; p50 ${at(0.5)}, p99 ${at(0.99)}; ` +
          `${(memory / 1024 ** 2).toFixed(0)} MB, ${descriptors} descriptors, ${childrenOf(gateway).length} children`,
      )
    },
    /** After the load: connections and children are given some seconds to go. */
    grown: async (): Promise<string[]> => {
      const base = first ?? measure()
      const judge = () => {
        const { memory, descriptors } = measure()
        const children = childrenOf(gateway).length
        const most = base.memory * MEMORY_FACTOR + MEMORY_ROOM
        return [
          memory > most && `memory grew from ${base.memory} to ${memory} bytes`,
          descriptors > base.descriptors + DESCRIPTOR_ROOM &&
            `descriptors grew from ${base.descriptors} to ${descriptors}`,
          children > CHILDREN && `${children} children are left of ${CHILDREN}`,
          total < 100 && `only ${total} calls were made`,
        ].filter((line) => line !== false)
      }
      for (let n = 0; n < 20 && judge().length > 0; n++) await wait(500)
      return judge()
    },
  }
}

/** The ledger of the server against the log, and the log against itself. */
async function lost(
  gateway: GatewayProcess,
  dataDir: string,
  ledger: string,
  acknowledged: readonly string[],
  say: (line: string) => void,
): Promise<string[]> {
  // Outcomes of the last calls are written behind their replies.
  let rows = calls(dataDir)
  const unfinished = () => [...rows.values()].filter(({ outcomes }) => outcomes !== 1).length
  for (let n = 0; n < 20 && unfinished() > 0; n++) {
    await wait(500)
    rows = calls(dataDir)
  }
  const reached = readFileSync(ledger, 'utf8').trim().split('\n')
  const intents = new Set([...rows.values()].map(({ digest }) => digest))
  const known = new Set(reached)
  const { code, stdout, stderr } = await gateway.mooring('audit', 'verify')
  say(
    `${reached.length} calls reached the server, ${rows.size} intents, ${acknowledged.length} acknowledged`,
  )
  const without = reached.filter((message) => !intents.has(jsonDigest({ message }))).length
  const missing = acknowledged.filter((message) => !known.has(message)).length
  return [
    without > 0 && `${without} calls reached the server without an intent`,
    missing > 0 && `${missing} acknowledged calls never reached the server`,
    reached.length !== known.size &&
      `${reached.length - known.size} calls reached the server twice`,
    unfinished() > 0 && `${unfinished()} calls have no outcome, or several`,
    code !== 0 && `the chain does not verify: ${stdout}${stderr}`,
    /"level":"(error|fatal)"/.test(gateway.output()) &&
      `the gateway logged errors: ${/.*"level":"(?:error|fatal)".*/.exec(gateway.output())?.[0]}`,
  ].filter((line) => line !== false)
}

/** Calls of tools by id: the digest of the arguments, and how many outcomes. */
function calls(dataDir: string): Map<string, { digest: string | null; outcomes: number }> {
  const db = new DatabaseSync(join(dataDir, 'events.db'), { readOnly: true })
  try {
    const rows = db
      .prepare(
        // Counted in one pass: the journal has no index by which each call could look for its own.
        `select i.call_id as id, i.args_digest as digest, coalesce(o.n, 0) as outcomes
         from workload_events i
         left join (
           select parent_id, count(*) as n from workload_events
           where phase = 'outcome' group by parent_id
         ) o on o.parent_id = i.id
         where i.phase = 'intent' and i.method = 'tools/call'`,
      )
      .all() as unknown as { id: string; digest: string | null; outcomes: number }[]
    return new Map(rows.map(({ id, ...row }) => [id, row]))
  } finally {
    db.close()
  }
}

/** Programs of servers; what a sandbox starts around them counts as one with them. */
const childrenOf = ({ pid }: GatewayProcess): number[] =>
  [...descendants(pid)]
    .filter(
      ([, text]) => /node[^\n]*\0[^\n]*tell-tale-stdio/.test(text) && !text.includes('bwrap\0'),
    )
    .map(([name]) => Number(name.replace('process ', '')))

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}

const residentOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
