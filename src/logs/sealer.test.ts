import { spawn } from 'node:child_process'
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { forEachStore, type OpenedStore, testCore } from '../../test/fixtures/stores.ts'
import { canonicalJson } from '../kernel/digest.ts'
import type { ManualClock } from '../kernel/manual-clock.ts'
import type { NewEvent } from '../store/store.ts'
import type { Stream } from '../store/tables/events.ts'
import type { Core } from './core.ts'
import { blockHash, newSigningKey, rowHash, signerFrom } from './seal.ts'
import { type Sealer, startSealer } from './sealer.ts'
import { logDb } from './stream-rows.ts'
import { type LogReport, verifyLogs } from './verify.ts'

const pem = newSigningKey()
const signer = signerFrom(pem)

const event = (id: string): NewEvent => ({
  id,
  at: 1,
  code: 'mcp.request',
  severity: 'info',
  tool: `tool of ${id}`,
})

forEachStore((name, open) => {
  let opened: OpenedStore
  let core: Core & { clock: ManualClock }
  let sealer: Sealer
  let checkpointFile: string

  beforeEach(async () => {
    opened = await open()
    core = testCore(opened.store)
    checkpointFile = join(opened.dir, 'checkpoints.jsonl')
    sealer = startSealer(core, signer, { checkpointFile })
  })

  const verify = () => verifyLogs(core, [signer], { checkpointFile })
  const rowsOf = (report: LogReport) => report.streams.map((stream) => stream.rows)
  const problemOf = async (stream: Stream) => {
    const report = await verify()
    expect(report.ok).toBe(false)
    return report.streams.find((each) => each.stream === stream)!.problem!
  }

  /** Each row in a transaction of its own. */
  async function write(stream: Stream, ...ids: string[]): Promise<void> {
    for (const id of ids)
      if (stream !== 'audit') await opened.store.append([{ stream, event: event(id) }])
      else
        await opened.store.transaction(({ db }) =>
          db.insertInto('audit_events').values(event(id)).execute(),
        )
  }

  /** On Postgres any open transaction of the server, also one of another suite, makes the sealer wait. */
  async function sealed(...rows: number[]): Promise<LogReport> {
    return vi.waitFor(
      async () => {
        await sealer.sealNow()
        const report = await verify()
        expect(rowsOf(report)).toEqual(rows)
        return report
      },
      { timeout: 20_000, interval: 20 },
    )
  }

  async function tamper(stream: Stream, ...statements: string[]): Promise<void> {
    const table = `${stream}_events`
    if (opened.where.kind === 'sqlite') {
      const file = join(opened.where.dir, stream === 'audit' ? 'state.db' : 'events.db')
      const db = new DatabaseSync(file)
      for (const each of [table, 'seals'])
        db.exec(
          `drop trigger if exists ${each}_no_update; drop trigger if exists ${each}_no_delete`,
        )
      for (const statement of statements) db.exec(statement)
      db.close()
    } else {
      const client = new pg.Client({ connectionString: opened.where.url })
      await client.connect()
      await client.query(`alter table ${table} alter column seq drop identity if exists`)
      for (const each of [table, 'seals'])
        await client.query(`drop trigger if exists ${each}_append_only on ${each}`)
      for (const statement of statements) await client.query(statement)
      await client.end()
    }
  }

  describe('sealing', () => {
    it('chains the rows of every stream, and they verify', async () => {
      await write('audit', 'a1')
      await write('auth', 'b1', 'b2')
      await write('workload', 'c1', 'c2', 'c3')
      const report = await sealed(1, 2, 3)
      expect(report.ok).toBe(true)
      expect(report.streams.map((stream) => stream.unsealed)).toEqual([0, 0, 0])
      await write('workload', 'c4')
      expect((await sealed(1, 2, 4)).ok).toBe(true)
    })

    it('writes nothing when there is nothing new', async () => {
      await write('auth', 'b1')
      await sealed(0, 1, 0)
      await sealer.sealNow()
      const seals = await logDb(opened.store, 'auth').selectFrom('seals').selectAll().execute()
      expect(seals).toHaveLength(1)
      expect(seals[0]).toMatchObject({ n: 1, count: 1, prev_hash: '', key_id: signer.keyId })
      expect(seals[0]?.hash).toBe(blockHash(seals[0]!))
    })

    it('happens by itself within a second', async () => {
      await write('auth', 'b1')
      await vi.waitFor(
        async () => {
          core.clock.advance(1000)
          expect(rowsOf(await verify())).toEqual([0, 1, 0])
        },
        { timeout: 20_000, interval: 20 },
      )
    })

    it('leaves a transaction that is still open for later, and loses none of it', async () => {
      await opened.store.transaction(async ({ db }) => {
        await db.insertInto('audit_events').values(event('slow')).execute()
        await write('auth', 'b1')
        await sealer.sealNow()
        expect(rowsOf(await verify())[0]).toBe(0)
      })
      await write('audit', 'a2')
      expect((await sealed(2, 1, 0)).ok).toBe(true)
    })

    it('makes blocks of many rows one after another', async () => {
      const rows = Array.from({ length: 600 }, (_, i) => ({
        stream: 'workload' as const,
        event: event(`w${i}`),
      }))
      await opened.store.append(rows)
      const report = await sealed(0, 0, 600)
      expect(report.streams[2]).toMatchObject({ seals: 3, rows: 600, problem: null })
    })

    it('by two processes at once makes one chain', async () => {
      const other = startSealer(testCore(await opened.reopen()), signer, { checkpointFile })
      for (let i = 0; i < 10; i++) {
        await write('auth', `b${i}`)
        await Promise.all([sealer.sealNow(), other.sealNow()])
      }
      expect((await sealed(0, 10, 0)).ok).toBe(true)
    })

    it('seals what is left when it stops, and no more after that', async () => {
      await write('auth', 'b1')
      await sealed(0, 1, 0)
      await sealer.stop()
      await write('auth', 'b2')
      core.clock.advance(5000)
      expect(rowsOf(await verify())).toEqual([0, 1, 0])
    })

    it('goes on after the process was killed in the middle of it', async () => {
      const program = `
        import { openStore } from ${JSON.stringify(import.meta.resolve('../store/open.ts'))}
        import { startSealer } from ${JSON.stringify(import.meta.resolve('./sealer.ts'))}
        import { signerFrom } from ${JSON.stringify(import.meta.resolve('./seal.ts'))}
        import { systemClock as clock } from ${JSON.stringify(import.meta.resolve('../kernel/time.ts'))}
        import { silentLogger } from ${JSON.stringify(import.meta.resolve('../telemetry/logger.ts'))}
        const { where, pem, checkpointFile } = JSON.parse(process.argv[1])
        const store = await openStore(where, { clock, log: silentLogger() })
        const sealer = startSealer({ store, clock, log: silentLogger() }, signerFrom(pem), { checkpointFile })
        for (let i = 0; ; i++) {
          const event = { id: process.pid + '-' + i, at: i, code: 'mcp.request', severity: 'info' }
          await store.append([{ stream: 'workload', event }, { stream: 'workload', event }])
          if (i % 3 === 0) await sealer.sealNow()
          if (i === 0) console.log('running')
        }`
      const input = JSON.stringify({ where: opened.where, pem, checkpointFile })
      let rows = 0
      for (const delay of [3, 17, 40, 71]) {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program, input])
        const ended = new Promise((resolve) => child.once('exit', resolve))
        await new Promise((resolve) => child.stdout.once('data', resolve))
        await new Promise((resolve) => setTimeout(resolve, delay))
        child.kill('SIGKILL')
        await ended
        const report = await vi.waitFor(
          async () => {
            await sealer.sealNow()
            const now = await verify()
            expect(now.streams[2]?.rows).toBeGreaterThan(rows)
            return now
          },
          { timeout: 20_000, interval: 20 },
        )
        expect(report.streams.map((stream) => stream.problem)).toEqual([null, null, null])
        rows = report.streams[2]!.rows
      }
    })
  })

  for (const stream of ['audit', 'workload'] as const)
    describe(`verifying the ${stream} stream`, () => {
      const table = `${stream}_events`
      const index = stream === 'audit' ? 0 : 2
      const counts = (n: number) => [0, 0, 0].map((_, i) => (i === index ? n : 0))

      beforeEach(async () => {
        await write(stream, 'r1', 'r2', 'r3', 'r4')
        await sealed(...counts(4))
        await write(stream, 'r5', 'r6')
        await sealed(...counts(6))
      })

      it('names a row that was changed', async () => {
        await tamper(stream, `update ${table} set tool = 'other' where id = 'r3'`)
        expect(await problemOf(stream)).toMatchObject({ what: 'changed', seq: 3, eventId: 'r3' })
      })

      it('notices a value that was taken away, or a null that was filled in', async () => {
        await tamper(stream, `update ${table} set tool = null where id = 'r2'`)
        expect(await problemOf(stream)).toMatchObject({ what: 'changed', seq: 2 })
        await tamper(
          stream,
          `update ${table} set tool = 'tool of r2' where id = 'r2'`,
          `update ${table} set reason = '' where id = 'r5'`,
        )
        expect(await problemOf(stream)).toMatchObject({ what: 'changed', seq: 5, eventId: 'r5' })
      })

      it('names a row that was dropped: first, in the middle, at the end of a block, last', async () => {
        await tamper(stream, `delete from ${table} where id = 'r6'`)
        expect(await problemOf(stream)).toMatchObject({ what: 'dropped', seq: 6 })
        await tamper(stream, `delete from ${table} where id = 'r4'`)
        expect(await problemOf(stream)).toMatchObject({ what: 'dropped', seq: 4 })
        await tamper(stream, `delete from ${table} where id = 'r2'`)
        const { what, seq, message } = await problemOf(stream)
        expect({ what, seq }).toEqual({ what: 'dropped', seq: 2 })
        expect(message).toContain('after row 1 (r1)')
        await tamper(stream, `delete from ${table} where id = 'r1'`)
        expect(await problemOf(stream)).toMatchObject({ what: 'dropped', seq: 1 })
      })

      it('names rows that were reordered', async () => {
        await tamper(
          stream,
          `update ${table} set seq = 1000 where id = 'r2'`,
          `update ${table} set seq = 2 where id = 'r3'`,
          `update ${table} set seq = 3 where id = 'r2'`,
        )
        expect(await problemOf(stream)).toMatchObject({ what: 'reordered', seal: 1 })
      })

      it('is not satisfied by a seal that was recomputed after the rows', async () => {
        await tamper(stream, `update ${table} set tool = 'other' where id = 'r5'`)
        const seals = await logDb(opened.store, stream).selectFrom('seals').selectAll().execute()
        const [, second] = seals
        const rows = (await opened.store.unsealed(stream, seals[0]!.position, 2)).rows
        const hashes = Buffer.concat(rows.map((row) => Buffer.from(rowHash(row), 'base64')))
        const hash = blockHash({ ...second!, row_hashes: hashes.toString('base64') })
        await tamper(
          stream,
          `update seals set row_hashes = '${hashes.toString('base64')}', hash = '${hash}'
            where stream = '${stream}' and n = 2`,
        )
        expect(await problemOf(stream)).toMatchObject({ what: 'seal', seal: 2 })

        const forged = signerFrom(newSigningKey())
        await tamper(
          stream,
          `update seals set signature = '${forged.sign(hash)}' where stream = '${stream}' and n = 2`,
        )
        expect(await problemOf(stream)).toMatchObject({ what: 'seal', seal: 2 })
        expect((await problemOf(stream)).message).toContain('not signed by this gateway')
      })

      it('notices a seal that is missing, changed, or of an unknown key', async () => {
        await tamper(stream, `update seals set sealed_at = 0 where stream = '${stream}' and n = 1`)
        expect((await problemOf(stream)).message).toContain('Seal 1 was changed')
        await tamper(stream, `delete from seals where stream = '${stream}' and n = 1`)
        expect((await problemOf(stream)).message).toContain('Seal 1 is missing')
        const other = await verifyLogs(core, [signerFrom(newSigningKey())])
        expect(other.ok).toBe(false)
      })

      it('notices by the checkpoints that the end was cut off', async () => {
        await tamper(
          stream,
          `delete from ${table} where id in ('r5', 'r6')`,
          `delete from seals where stream = '${stream}' and n = 2`,
        )
        expect((await verifyLogs(core, [signer])).ok).toBe(true)
        expect(await problemOf(stream)).toMatchObject({ what: 'checkpoint', seal: 2 })
      })

      it('notices by the checkpoints that all was written anew with the right key', async () => {
        await tamper(
          stream,
          `update ${table} set tool = 'other' where id = 'r1'`,
          `delete from seals where stream = '${stream}'`,
        )
        const elsewhere = join(opened.dir, 'other.jsonl')
        await vi.waitFor(async () => {
          await startSealer(core, signer, { checkpointFile: elsewhere }).sealNow()
          expect(rowsOf(await verifyLogs(core, [signer]))[index]).toBe(6)
        })
        expect((await verifyLogs(core, [signer])).ok).toBe(true)
        expect(await problemOf(stream)).toMatchObject({ what: 'checkpoint', seal: 1 })
      })
    })

  describe('the checkpoint file', () => {
    it('is private and has one line per seal', async () => {
      await write('auth', 'b1')
      await sealed(0, 1, 0)
      await write('auth', 'b2')
      await sealed(0, 2, 0)
      expect(statSync(checkpointFile).mode & 0o777).toBe(0o600)
      const lines = readFileSync(checkpointFile, 'utf8').trim().split('\n')
      expect(lines.map((line) => JSON.parse(line).n)).toEqual([1, 2])
    })

    it('is mended after a line was cut short by a crash', async () => {
      await write('auth', 'b1')
      await sealed(0, 1, 0)
      appendFileSync(checkpointFile, '{"stream":"auth","n":2,"ha')
      await write('auth', 'b2')
      expect((await sealed(0, 2, 0)).ok).toBe(true)
      expect(readFileSync(checkpointFile, 'utf8').trim().split('\n')).toHaveLength(2)
    })

    it('with a line that is no checkpoint is a finding', async () => {
      await write('auth', 'b1')
      await sealed(0, 1, 0)
      writeFileSync(checkpointFile, `nonsense\n${readFileSync(checkpointFile, 'utf8')}`)
      const report = await verify()
      expect(report.ok).toBe(false)
      expect(report.streams[0]?.problem?.message).toContain('Line 1')
    })
  })

  it('the digest of a row is that of the canonical JSON of what is not null', async () => {
    await write('auth', 'b"1\\ ü')
    const row = await vi.waitFor(async () => {
      const { rows } = await opened.store.unsealed('auth', null, 1)
      expect(rows).toHaveLength(1)
      return rows[0]!
    })
    const { createHash } = await import('node:crypto')
    const plain = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
    expect(rowHash(row)).toBe(createHash('sha256').update(canonicalJson(plain)).digest('base64'))
    expect(name).toBe(opened.store.dialect)
  })
})
