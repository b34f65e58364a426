// What holds for the store in a folder only: files, locks between processes, full disks, kill -9.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import { manualClock } from '../../src/kernel/manual-clock.ts'
import { openStore } from '../../src/store/open.ts'
import { openDatabase } from '../../src/store/sqlite-files.ts'
import { storageError } from '../../src/store/storage-error.ts'
import type { NewEvent } from '../../src/store/store.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { storeOpener } from '../fixtures/stores.ts'

const open = storeOpener('sqlite')
const event = (id: string): NewEvent => ({ id, at: 1, code: 'mcp.request', severity: 'info' })
const modeOf = (path: string) => statSync(path).mode & 0o777
const openAt = (dir: string, log = silentLogger()) =>
  openStore({ kind: 'sqlite', dir }, { clock: manualClock(), log })

const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

/** A second process on the same folder; `body` sees `store`. */
function process2(dir: string, body: string): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const from = (path: string) => JSON.stringify(import.meta.resolve(path))
  const program = `
    import { openStore } from ${from('../../src/store/open.ts')}
    import { systemClock as clock } from ${from('../../src/kernel/time.ts')}
    import { silentLogger } from ${from('../../src/telemetry/logger.ts')}
    const store = await openStore({ kind: 'sqlite', dir: process.argv[1] }, { clock, log: silentLogger() })
    ${body}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  return child as ReturnType<typeof process2>
}

describe('the data folder', () => {
  it('and everything in it is closed to other users', async () => {
    const { dir, store } = await open()
    const inner = join(dir, 'a', 'b')
    const fresh = await openAt(inner)
    await fresh.append([{ stream: 'auth', event: event('a') }])
    await fresh.exclusively('sealer', async () => {})
    expect(modeOf(inner)).toBe(0o700)
    const files = readdirSync(inner)
    expect(files).toEqual(expect.arrayContaining(['state.db', 'events.db', 'events.db-wal']))
    for (const file of files) expect([file, modeOf(join(inner, file))]).toEqual([file, 0o600])
    await fresh.close()
    await store.close()
  })

  it('of ours that was left open is closed, a foreign one is only mentioned', async () => {
    const { dir, store } = await open()
    await store.close()
    chmodSync(dir, 0o755)
    await (await openAt(dir)).close()
    expect(modeOf(dir)).toBe(0o700)

    const foreign = join(dir, 'foreign')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'letter.txt'), '')
    chmodSync(foreign, 0o755)
    const warnings: unknown[] = []
    const log = { ...silentLogger(), warn: (line: unknown) => warnings.push(line) }
    await (await openAt(foreign, log as unknown as ReturnType<typeof silentLogger>)).close()
    expect(modeOf(foreign)).toBe(0o755)
    expect(warnings).toEqual([{ dir: foreign }])
  })

  it('that cannot be one is an error that says what to do', async () => {
    const { dir } = await open()
    writeFileSync(join(dir, 'file'), '')
    for (const path of [join(dir, 'file'), join(dir, 'file', 'deeper')])
      await expect(openAt(path)).rejects.toMatchObject({
        code: 'data_locked',
        remedy: expect.stringContaining('--data'),
      })
  })

  it('with a file that is no database is an error that says what to do', async () => {
    const { dir } = await open()
    const broken = join(dir, 'broken')
    mkdirSync(broken)
    writeFileSync(join(broken, 'state.db'), 'this is not a database, but long enough to be one')
    await expect(openAt(broken)).rejects.toMatchObject({
      code: 'storage_unavailable',
      remedy: expect.stringContaining('backup'),
    })
  })
})

describe('the databases', () => {
  it('are as durable as promised: state always, events when asked', async () => {
    const { dir, store } = await open()
    await store.close()
    for (const [synchronous, level] of [
      ['FULL', 2],
      ['NORMAL', 1],
    ] as const) {
      const db = openDatabase(dir, 'state.db', { synchronous })
      expect(db.prepare('pragma synchronous').get()).toEqual({ synchronous: level })
      expect(db.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' })
      expect(db.prepare('pragma foreign_keys').get()).toEqual({ foreign_keys: 1 })
      db.close()
    }
  })

  it('refuse a write outside a transaction', async () => {
    const { store } = await open()
    const write = store.db
      .insertInto('settings')
      .values({ key: 'a', value: '1', updated_at: 1 })
      .execute()
    await expect(write).rejects.toMatchObject({ code: 'storage_unavailable' })
    await expect(sql`delete from auth_events`.execute(store.events)).rejects.toThrow()
  })

  it('refuse to change or remove rows of the other streams and seals', async () => {
    const { dir, store } = await open()
    await store.append([
      { stream: 'auth', event: event('a') },
      { stream: 'workload', event: event('b') },
    ])
    const db = new DatabaseSync(join(dir, 'events.db'))
    for (const table of ['auth_events', 'workload_events']) {
      expect(() => db.exec(`update ${table} set id = 'x'`)).toThrow('append-only')
      expect(() => db.exec(`delete from ${table}`)).toThrow('append-only')
    }
    db.close()
  })

  it('enforce types and references as Postgres does', async () => {
    const { store } = await open()
    await expect(
      store.transaction(({ db }) =>
        sql`insert into settings values ('a', '1', 'not a number')`.execute(db),
      ),
    ).rejects.toThrow()
    await expect(
      store.transaction(({ db }) =>
        sql`insert into server_people values ('nobody', 'nothing')`.execute(db),
      ),
    ).rejects.toThrow('FOREIGN KEY')
  })
})

describe('another process', () => {
  it('that holds the state makes a transaction wait, without stopping the turn', async () => {
    const { dir, store } = await open()
    const other = new DatabaseSync(join(dir, 'state.db'))
    other.exec('begin immediate')
    let done = false
    const waiting = store
      .transaction(async ({ changed }) => changed('user', 'a'))
      .then(() => {
        done = true
      })
    expect(await store.append([{ stream: 'auth', event: event('a') }])).toBe(0)
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(done).toBe(false)
    other.exec('commit')
    await waiting
    expect(store.headSeq()).toBe(1)
    other.close()
  })

  it('that keeps the events locked makes an append fail readably, and the next one works', async () => {
    const { dir, store } = await open()
    const other = new DatabaseSync(join(dir, 'events.db'))
    other.exec('begin immediate')
    const refused = store.append([{ stream: 'auth', event: event('a') }])
    await expect(refused).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('locked'),
      remedy: expect.stringContaining('data folder'),
    })
    other.exec('rollback')
    await store.append([{ stream: 'auth', event: event('b') }])
    const rows = await store.events.selectFrom('auth_events').select(['seq', 'id']).execute()
    expect(rows).toEqual([{ seq: 1, id: 'b' }])
    other.close()
  })

  it('that is killed lets go of its lock', async () => {
    const { dir, store } = await open()
    const holder = process2(
      dir,
      `await store.exclusively('sealer', () => { console.log('held'); return new Promise(() => setInterval(() => {}, 1000)) })`,
    )
    await once(holder.stdout, 'data')
    expect(await store.exclusively('sealer', async () => {})).toBe(false)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    expect(await store.exclusively('sealer', async () => {})).toBe(true)
  })

  it('that commits is noticed within a second; an own commit is no news', async () => {
    const clock = manualClock()
    const { store, reopen } = await open(clock)
    const other = await reopen()
    let hints = 0
    const stop = store.onHint(() => hints++)
    clock.advance(1000)
    await store.transaction(async ({ changed }) => changed('user', 'own'))
    clock.advance(1000)
    expect(hints).toBe(0)
    await other.transaction(async ({ changed }) => changed('user', 'theirs'))
    expect(hints).toBe(0)
    clock.advance(1000)
    expect(hints).toBe(1)
    clock.advance(5000)
    expect(hints).toBe(1)
    stop()
    await other.transaction(async ({ changed }) => changed('user', 'theirs'))
    clock.advance(1000)
    expect(hints).toBe(1)
  })

  it('that is killed while it writes loses nothing that it acknowledged', async () => {
    const { dir, store, reopen } = await open()
    await store.close()
    const acknowledged = new Set<string>()
    for (const delay of [5, 25, 60]) {
      const writer = process2(
        dir,
        `for (let i = 0; ; i++) {
          const id = process.pid + '-' + i
          await store.append([{ stream: 'workload', event: { id, at: 1, code: 'mcp.request', severity: 'info' } }])
          await store.transaction(({ db }) => db.insertInto('settings').values({ key: id, value: '', updated_at: 0 }).execute())
          console.log(id)
        }`,
      )
      let out = ''
      writer.stdout.on('data', (chunk) => {
        out += chunk
      })
      await once(writer.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, delay))
      writer.kill('SIGKILL')
      await once(writer, 'close')
      for (const id of out.split('\n').slice(0, -1)) acknowledged.add(id)
    }
    const again = await reopen()
    const events = await again.events.selectFrom('workload_events').select('id').execute()
    const settings = await again.db.selectFrom('settings').select('key').execute()
    const lost = (kept: string[]) => [...acknowledged].filter((id) => !kept.includes(id))
    expect(acknowledged.size).toBeGreaterThan(3)
    expect(lost(events.map((row) => row.id))).toEqual([])
    expect(lost(settings.map((row) => row.key))).toEqual([])
  })
})

describe('a full disk', () => {
  it('is told apart from a mistake in a statement', () => {
    const db = new DatabaseSync(':memory:')
    const thrownBy = (statement: string) => {
      try {
        db.exec(statement)
      } catch (error) {
        return storageError(error)
      }
      return undefined
    }
    db.exec('create table t (a unique); pragma max_page_count = 4')
    expect(thrownBy('insert into t values (zeroblob(100000))')).toMatchObject({
      code: 'storage_unavailable',
      remedy: expect.stringContaining('Free space'),
    })
    expect(thrownBy('insert into nowhere values (1)')).not.toHaveProperty('remedy')
  })
})
