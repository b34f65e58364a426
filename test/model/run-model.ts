// Runs random sequences against a world and, at the end of each, compares the logs with what the reference knows.
import fc from 'fast-check'
import { expect, vi } from 'vitest'
import { everything } from './commands.ts'
import { newReference, type Reference } from './reference.ts'
import type { World } from './world.ts'

export interface ModelOptions {
  label: string
  runs: number
  /** Longest sequence. */
  length: number
  people: number
  clients: number
  timeMoves: boolean
  open(): Promise<World>
}

/** Again: SEED=… [MODEL_PATH=…] with the numbers that a failure printed. */
export async function runModel(options: ModelOptions): Promise<void> {
  const { label, runs, length, people, clients, timeMoves, open } = options
  const { SEED, MODEL_PATH } = process.env
  const seed = Number(SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`model on ${label}: SEED=${seed}`)
  const sequences = fc.commands(everything({ timeMoves }), { maxCommands: length, size: 'max' })
  const property = fc.asyncProperty(sequences, async (sequence) => {
    const world = await open()
    const model = newReference(people, clients)
    try {
      await fc.asyncModelRun(() => ({ model, real: world }), sequence)
      await compareLogs(model, world)
    } finally {
      await world.close()
    }
  })
  // Making a failure smaller takes minutes; SHRINK=1 when somebody wants to wait for it.
  const endOnFailure = process.env.SHRINK === undefined
  const path = MODEL_PATH === undefined ? {} : { path: MODEL_PATH }
  await fc.assert(property, { seed, numRuns: runs, endOnFailure, ...path })
}

/** Every event happened exactly as often as the reference says, every call reached the server, the chain verifies. */
async function compareLogs(model: Reference, { gateway, server, sent }: World): Promise<void> {
  const codes = new Set([...model.events.keys(), ...ALWAYS])
  await vi.waitFor(
    async () => {
      const found = new Map<string, number>()
      for (const stream of ['audit', 'auth', 'workload'] as const) {
        const { events } = await gateway.govern<{
          events: { code: string; method?: string; outcome?: string }[]
        }>('GET', `/logs/${stream}?limit=1000`)
        for (const { code, method } of events)
          if (stream !== 'workload' || method === 'tools/call')
            found.set(code, (found.get(code) ?? 0) + 1)
        // Decided again after its intent, because another process had changed something: withdrawn, nothing was sent.
        const withdrawn = events.filter((e) => e.method === 'tools/call' && e.outcome === 'refused')
        for (const { code } of stream === 'workload' ? withdrawn : [])
          for (const each of code === 'mcp.response' ? ['mcp.request', code] : [])
            found.set(each, (found.get(each) ?? 0) - 1)
      }
      for (const code of codes)
        expect([code, found.get(code) ?? 0]).toEqual([code, model.events.get(code) ?? 0])
    },
    { timeout: 10_000, interval: 20 },
  )
  expect(sent).toHaveLength(model.calls)
  const received = server.received()
  for (const nonce of sent) expect(received.split(nonce)).toHaveLength(2)
  expect(await gateway.govern('POST', '/audit/verify')).toMatchObject({ ok: true })
}

/** Never without a reason. */
const ALWAYS = [
  'grant.created',
  'grant.revoked',
  'client.revoked',
  'auth.code_reuse',
  'auth.refresh_reuse',
  'auth.refresh_retried',
  'auth.token_issued',
  'auth.token_refreshed',
  'auth.token_revoked',
  'auth.failed',
  'log.rows_lost',
  'mcp.request',
  'mcp.response',
]
