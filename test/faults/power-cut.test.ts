// What a power cut leaves behind, as far as it can be played: logs whose unsynced end is missing or garbled, and a disk that
// cannot sync. The store opens, what was synced is there, the chain verifies, and nothing is acknowledged in vain.
import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { manualClock } from '../../src/kernel/manual-clock.ts'
import { change } from '../../src/logs/change.ts'
import type { Core } from '../../src/logs/core.ts'
import { operator } from '../../src/logs/event.ts'
import { createJournal } from '../../src/logs/group-commit.ts'
import { settleUnknown } from '../../src/logs/recover.ts'
import { newSigningKey, signerFrom } from '../../src/logs/seal.ts'
import { startSealer } from '../../src/logs/sealer.ts'
import { verifyLogs } from '../../src/logs/verify.ts'
import { openStore } from '../../src/store/open.ts'
import type { NewEvent } from '../../src/store/store.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { root } from '../fixtures/program.ts'
import { seeded } from '../fixtures/seeded.ts'
import { storeOpener, testCore } from '../fixtures/stores.ts'

const run = promisify(execFile)
const signer = signerFrom(newSigningKey())
const ROUNDS = 25

const intent = (n: number): NewEvent => ({
  id: `evt_${n}`,
  at: n,
  code: 'mcp.request',
  severity: 'info',
  call_id: `cll_${n}`,
  phase: 'intent',
})
const setting = (core: Core, key: string) =>
  change(core, operator('req_test'), async ({ db, audit }) => {
    await db.insertInto('settings').values({ key, value: '', updated_at: 1 }).execute()
    await audit({ code: 'setting.changed' })
  })
const append = async (core: Core, from: number, to: number) => {
  for (let n = from; n < to; n++)
    await core.store.append([{ stream: 'workload', event: intent(n) }])
}

describe('a power cut', () => {
  const open = storeOpener('sqlite')
  const folders: string[] = []
  afterEach(() => {
    for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true })
  })
  /** The files as a disk would have them, without what is shared memory. */
  const copyOf = (dir: string) => {
    const copy = mkdtempSync(join(tmpdir(), 'mooring-torn-'))
    folders.push(copy)
    cpSync(dir, copy, { recursive: true, filter: (path) => !path.endsWith('-shm') })
    return copy
  }
  const reopened = async (dir: string) => {
    const clock = manualClock()
    return testCore(await openStore({ kind: 'sqlite', dir }, { clock, log: silentLogger() }), clock)
  }
  const sealerOf = (core: Core, dir: string) =>
    startSealer(core, signer, { checkpointFile: join(dir, 'checkpoints.jsonl') })
  const verified = (core: Core, dir: string) =>
    verifyLogs(core, [signer], { checkpointFile: join(dir, 'checkpoints.jsonl') })

  it('takes any part of what was not synced, and the rest is whole and goes on', async () => {
    const { store, dir } = await open()
    const core = testCore(store)
    const sealer = sealerOf(core, dir)
    for (let n = 0; n < 10; n++) {
      await append(core, n * 3, n * 3 + 3)
      await setting(core, `k${n}`)
      if (n % 3 === 0) await sealer.sealNow()
    }
    const wal = (folder: string) => join(folder, 'events.db-wal')
    const synced = statSync(wal(dir)).size
    await append(core, 100, 160)
    const { seed, below } = seeded()
    for (let round = 0; round < ROUNDS; round++) {
      const torn = copyOf(dir)
      const bytes = readFileSync(wal(torn))
      const at = synced + below(bytes.length - synced)
      if (round % 2 === 0) truncateSync(wal(torn), at)
      else
        writeFileSync(
          wal(torn),
          bytes.map((byte, i) => (i < at ? byte : below(256))),
        )
      const what = `SEED=${seed}, round ${round}: from byte ${at} of ${bytes.length}`
      const again = await reopened(torn)
      const kept = await again.store.db.selectFrom('settings').select('key').execute()
      expect(kept, what).toHaveLength(10)
      const rows = await again.store.events.selectFrom('workload_events').select('id').execute()
      expect(rows.length, what).toBeGreaterThanOrEqual(30)
      expect((await verified(again, torn)).ok, what).toBe(true)
      await append(again, 200, 210)
      await sealerOf(again, torn).stop()
      expect((await verified(again, torn)).ok, what).toBe(true)
      await again.store.close()
    }
  })

  it('never leaves a checkpoint of a seal that was not synced before', async () => {
    const { dir, store } = await open()
    await store.close()
    const trace = await traced(dir, ['-e', 'trace=fdatasync,fsync,write', '-y'], WORK)
    const calls = trace.split('\n')
    const checkpoint = calls.findIndex((line) => /write\(\d+<[^>]*checkpoints\.jsonl>/.test(line))
    const wrote = calls.findIndex((line) => line.includes('appended'))
    const synced = calls.findIndex(
      (line, index) => index > wrote && /sync\(\d+<[^>]*events\.db-wal>/.test(line),
    )
    expect(wrote, trace).toBeGreaterThan(-1)
    expect(synced, trace).toBeGreaterThan(wrote)
    expect(checkpoint, trace).toBeGreaterThan(synced)
  })

  it('that a disk announces by failing to sync: the change is refused, not lost in silence', async () => {
    const { dir, store } = await open()
    await store.close()
    // The first sync is that of the head of the log file, which every mode does.
    const inject = [
      '-P',
      join(dir, 'state.db-wal'),
      '-e',
      'inject=fdatasync,fsync:error=EIO:when=2+',
    ]
    const printed = await traced(dir, inject, CHANGE)
    expect(printed).toContain('refused: storage_unavailable')
    expect(printed).not.toContain('acknowledged')
  })

  it('that takes rows which were settled lets the calls of their numbers be settled again', async () => {
    const { store, dir } = await open()
    const core = testCore(store)
    await append(core, 0, 2)
    const before = copyOf(dir)
    const journal = createJournal(core)
    await append(core, 2, 9)
    await settleUnknown(core, journal, Number.POSITIVE_INFINITY)
    const noted = await store.db.selectFrom('settings').selectAll().executeTakeFirstOrThrow()
    // The state was synced, the events were not.
    const again = await reopened(before)
    await again.store.transaction(({ db }) => db.insertInto('settings').values(noted).execute())
    const settled = await settleUnknown(again, createJournal(again), Number.POSITIVE_INFINITY)
    expect(settled).toBe(2)
    await again.store.close()
  })
})

const WORK = `
  await store.append([{ stream: 'workload', event: { id: 'a', at: 1, code: 'mcp.request', severity: 'info' } }])
  process.stdout.write('appended')
  await startSealer(core, signerFrom(newSigningKey()), { checkpointFile: dir + '/checkpoints.jsonl' }).sealNow()
  process.exit()`
const CHANGE = `
  await store.transaction(({ db }) => db.insertInto('settings').values({ key: 'a', value: '', updated_at: 1 }).execute())
    .then(() => console.log('acknowledged'), (error) => console.log('refused: ' + error.code))
  process.exit()`

/** Runs a script with a store open under strace; returns what both printed. */
async function traced(dir: string, options: readonly string[], script: string): Promise<string> {
  const preamble = `
    import { openStore } from '${root}/src/store/open.ts'
    import { startSealer } from '${root}/src/logs/sealer.ts'
    import { newSigningKey, signerFrom } from '${root}/src/logs/seal.ts'
    import { systemClock } from '${root}/src/kernel/time.ts'
    import { silentLogger } from '${root}/src/telemetry/logger.ts'
    const dir = ${JSON.stringify(dir)}
    const log = silentLogger()
    const store = await openStore({ kind: 'sqlite', dir }, { clock: systemClock, log })
    const core = { store, clock: systemClock, log }`
  const node = [process.execPath, '--input-type=module-typescript', '-e', `${preamble}\n${script}`]
  const { stdout, stderr } = await run('strace', ['-f', '-s', '64', ...options, ...node], {
    maxBuffer: 64 * 1024 ** 2,
  })
  return `${stderr}\n${stdout}`
}
