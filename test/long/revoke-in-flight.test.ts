// A revoke and calls at the same moment, in ten thousand orders: what is sent after the revoke was acknowledged would be a
// call that nobody permits any more. The real views, authenticator, group commit and store, interleaved by a seed.
import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { callTool } from '../../src/gateway/call-tool.ts'
import type { Call, GatewayDeps } from '../../src/gateway/gateway.ts'
import type { Target } from '../../src/gateway/resolve.ts'
import { createStreams } from '../../src/gateway/streams.ts'
import { createViews } from '../../src/gateway/views.ts'
import { createKey, revokeKey } from '../../src/grants/api-keys.ts'
import { createAuthenticator } from '../../src/grants/authenticate.ts'
import { Secret } from '../../src/kernel/secret.ts'
import { systemClock } from '../../src/kernel/time.ts'
import type { Core } from '../../src/logs/core.ts'
import { operator } from '../../src/logs/event.ts'
import { createJournal } from '../../src/logs/group-commit.ts'
import { createUser } from '../../src/people/users.ts'
import { seeded } from '../fixtures/seeded.ts'
import { storeOpener, testCore } from '../fixtures/stores.ts'

const ORDERS = 10_000
const CALLS = 3
const by = operator('req_test')

describe('a revoke while calls are on their way', () => {
  const open = storeOpener('sqlite')

  it('is never followed by a new send, in ten thousand orders', async () => {
    const { store, reopen } = await open(systemClock)
    const core = testCore(store, systemClock)
    // The revoke comes from this process or from another one on the same store.
    const foreign = testCore(await reopen(systemClock), systemClock)
    await createUser(core, by, {
      login: 'ada',
      role: 'admin',
      password: new Secret('a long enough passphrase 42'),
    })
    const { seed, below } = seeded()
    const pause = async () => {
      for (let turns = below(4); turns > 0; turns--)
        await (below(2) ? new Promise((resolve) => setImmediate(resolve)) : Promise.resolve())
    }
    const late: string[] = []
    const gate = await startGate(core, late)
    const seen = { sent: 0, refused: 0 }
    for (let order = 0; order < ORDERS; order += CALLS) {
      const { id, key } = await createKey(core, by, { userLogin: 'ada', name: 'k' })
      let acknowledged = false
      const call = async () => {
        await pause()
        if (await gate.send(key.reveal(), pause, () => acknowledged)) seen.sent++
        else seen.refused++
      }
      const revoke = async () => {
        await pause()
        await revokeKey(below(2) ? core : foreign, by, id)
        acknowledged = true
      }
      await Promise.all([revoke(), ...Array.from({ length: CALLS }, call)])
      expect(late, `SEED=${seed}, order ${order}`).toEqual([])
    }
    // Both must happen often, or the orders were none.
    expect(Math.min(seen.sent, seen.refused), JSON.stringify(seen)).toBeGreaterThan(ORDERS / 50)
    gate.close()
  })
})

/** The straight line from the credential to the server, with everything real but the rule, the wire and the client. */
async function startGate(core: Core, late: string[]) {
  const authenticator = createAuthenticator(core, { endpointOf: () => '/mcp' })
  const views = await createViews(core, {
    loadServers: async () => [],
    catalogOf: () => null,
    forget: (changes) => authenticator.forget(changes),
  })
  const authenticate: GatewayDeps['authenticate'] = (credentials, path) =>
    authenticator.authenticate(credentials, path)
  const target = {
    server: { id: 'srv_1', name: 'any', revision: 1, spec: { kind: 'builtin' } },
    name: 'tool',
    tool: null,
    params: null,
    decision: { effect: 'permit', rule: 'all', reason: '' },
  } as unknown as Target
  const endpoint = { kind: 'all', path: '/mcp' } as const
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'tool' } }

  /** True when it reached the server, false when the credential was refused. */
  async function send(
    key: string,
    pause: () => Promise<void>,
    acknowledged: () => boolean,
  ): Promise<boolean> {
    let sent = false
    const link = {
      hello: { era: 'stateless', protocolVersion: '2026-07-28', capabilities: {} },
      onQuestion: () => undefined,
      request: async () => {
        sent = true
        if (acknowledged()) late.push('sent after the revoke was acknowledged')
        return { result: {} }
      },
    }
    const deps = {
      core,
      views,
      authenticate,
      journal: createJournal(core),
      answers: createStreams(),
      // Opening a link takes as long as it takes.
      pool: { link: () => pause().then(() => link) },
      limits: { requestBytes: 1000, callTimeoutMs: 10_000 },
    } as unknown as GatewayDeps
    const credentials = { apiKey: key, authorization: undefined, ip: '192.0.2.1' }
    try {
      const decidedAt = views.seq
      const principal = await authenticate(credentials, endpoint.path)
      const call = {
        ...{ endpoint, credentials, principal, decidedAt, session: null, era: 'stateless' },
        res: new EventEmitter(),
        origin: { contextId: 'req_test' },
        message: {
          body,
          method: body.method,
          params: body.params,
          rawId: '1',
          bytes: Buffer.alloc(1),
        },
        answer: { result: () => undefined, error: () => undefined, notify: () => undefined },
      } as unknown as Call
      await callTool(deps, call, () => target)
    } catch (error) {
      if ((error as { status?: number }).status !== 401) throw error
    }
    return sent
  }
  return { send, close: views.close }
}
