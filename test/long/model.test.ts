// The same random sequences against real processes: crash is kill -9, restart is SIGTERM, another process is the command line.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GatewayProcess, startGatewayProcess } from '../fixtures/gateway.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { startTellTale, type TellTale } from '../fixtures/servers/tell-tale.ts'
import { type Dialect, dialects } from '../fixtures/stores.ts'
import { runModel } from '../model/run-model.ts'
import { populate, type World } from '../model/world.ts'

const COUNTS = { people: 2, clients: 3 }

let server: TellTale
beforeAll(async () => {
  server = await startTellTale({ sessionId: 'model', result: 'done' })
})
afterAll(() => server?.close())

describe.each(dialects)('on %s', (dialect) => {
  const databases = databasesOn(process.env.MOORING_TEST_POSTGRES_URL ?? '')
  afterAll(() => databases.dropAll())

  it('whoever the reference accepts is accepted, whoever it refuses is refused, and the logs agree', async () => {
    await runModel({
      label: `${dialect}, real processes`,
      runs: Number(process.env.MODEL_RUNS ?? 4),
      length: 30,
      ...COUNTS,
      timeMoves: false,
      open: () => openWorld(dialect, databases),
    })
  })
})

async function openWorld(
  dialect: Dialect,
  databases: ReturnType<typeof databasesOn>,
): Promise<World> {
  const url = dialect === 'postgres' ? await databases.take() : null
  const dataDir = mkdtempSync(join(tmpdir(), 'mooring-model-'))
  const env: Record<string, string> = url === null ? {} : { MOORING_DB: url }
  const start = (port: number) => startGatewayProcess({ dataDir, env, port })
  let gateway: GatewayProcess = await start(0)
  const port = Number(new URL(gateway.url).port)
  const world: World = {
    gateway,
    server,
    ...(await populate(gateway, server, COUNTS)),
    restart: async () => {
      await gateway.close()
      world.gateway = gateway = await start(port)
    },
    crash: async () => {
      await gateway.kill()
      world.gateway = gateway = await start(port)
    },
    // The command line, as an operator types it: over the control socket.
    revokeElsewhere: async (grantId) => {
      const { code, stderr } = await gateway.mooring('grants', 'revoke', grantId)
      expect(code, stderr).toBe(0)
    },
    close: async () => {
      await gateway.close()
      if (url !== null) await databases.giveBack(url)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  return world
}
