// Random sequences of everything that can happen to connections, on a gateway in this process whose clock moves, against
// the reference. A failure prints SEED and path; see run-model.ts.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it, vi } from 'vitest'
import { revokeGrant } from '../../src/grants/grants.ts'
import { systemClock } from '../../src/kernel/time.ts'
import { operator } from '../../src/logs/event.ts'
import { openStore } from '../../src/store/open.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { startTellTale, type TellTale } from '../fixtures/servers/tell-tale.ts'
import { type Dialect, dialects, testCore } from '../fixtures/stores.ts'
import { runModel } from './run-model.ts'
import { populate, type World } from './world.ts'

const COUNTS = { people: 2, clients: 2 }

let server: TellTale
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  server = await startTellTale({ sessionId: 'model', result: 'done' })
})
afterAll(async () => {
  await server?.close()
  vi.useRealTimers()
})

describe.each(dialects)('on %s', (dialect) => {
  const databases = databasesOn(process.env.MOORING_TEST_POSTGRES_URL ?? '')
  afterAll(() => databases.dropAll())

  it('whoever the reference accepts is accepted, whoever it refuses is refused, and the logs agree', async () => {
    await runModel({
      label: dialect,
      runs: Number(process.env.MODEL_RUNS ?? 4),
      length: 60,
      ...COUNTS,
      timeMoves: true,
      open: () => openWorld(dialect, databases),
    })
  }, 300_000)
})

async function openWorld(
  dialect: Dialect,
  databases: ReturnType<typeof databasesOn>,
): Promise<World> {
  const url = dialect === 'postgres' ? await databases.take() : null
  const folders = [mkdtempSync(join(tmpdir(), 'mooring-model-'))]
  const env: Record<string, string> = url === null ? {} : { MOORING_DB: url }
  const start = (port: number): Promise<Gateway> =>
    startGatewayHere({ dataDir: folders.at(-1)!, env, port })
  const gateway = await start(0)
  const port = Number(new URL(gateway.url).port)
  const world: World = {
    gateway,
    server,
    ...(await populate(gateway, server, COUNTS)),
    // Not a clock of ours alone: the protocol library and cookies look at the time, too. Timers stay real.
    advance: (ms) => void vi.setSystemTime(Date.now() + ms),
    restart: async () => {
      await world.gateway.close()
      world.gateway = await start(port)
    },
    // The files as they lie there in the middle of everything; what the gateway still writes while it ends is lost.
    crash: async () => {
      const image = mkdtempSync(join(tmpdir(), 'mooring-model-'))
      cpSync(folders.at(-1)!, image, { recursive: true, filter: (path) => !/\.sock$/.test(path) })
      await world.gateway.close()
      if (url === null) folders.push(image)
      else rmSync(image, { recursive: true })
      world.gateway = await start(port)
    },
    revokeElsewhere: async (grantId) => {
      const where =
        url === null
          ? { kind: 'sqlite' as const, dir: folders.at(-1)! }
          : { kind: 'postgres' as const, url }
      const store = await openStore(where, { clock: systemClock, log: silentLogger() })
      try {
        await revokeGrant(testCore(store, systemClock), operator('req_model'), grantId, 'elsewhere')
      } finally {
        await store.close()
      }
    },
    close: async () => {
      await world.gateway.close()
      if (url !== null) await databases.giveBack(url)
      for (const dir of folders) rmSync(dir, { recursive: true, force: true })
    },
  }
  return world
}
