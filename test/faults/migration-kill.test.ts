// A start is killed at one statement after the other. What it leaves is the shape before a migration or after it, never half
// of one, and the next start brings all of them to the end.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { manualClock } from '../../src/kernel/manual-clock.ts'
import { migrate, type Recorded } from '../../src/store/migrate.ts'
import { eventMigrations, stateMigrations } from '../../src/store/migrations/index.ts'
import { postgresWords, sqliteWords } from '../../src/store/migrations/words.ts'
import { openStore, type StoreLocation } from '../../src/store/open.ts'
import { sqliteDialect } from '../../src/store/sqlite-dialect.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { root } from '../fixtures/program.ts'
import { dialects } from '../fixtures/stores.ts'

/** Kills in all; which statements they hit follows from how many there are. */
const KILLS = 12
const server = process.env.MOORING_TEST_POSTGRES_URL ?? ''

describe.each(dialects)('migrations that are killed on %s', (dialect) => {
  const cleanups: (() => unknown)[] = []
  afterAll(async () => {
    for (const cleanup of cleanups) await cleanup()
  })

  async function emptyPlace(): Promise<StoreLocation> {
    if (dialect === 'sqlite') {
      const dir = mkdtempSync(join(tmpdir(), 'mooring-half-'))
      cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
      return { kind: 'sqlite', dir }
    }
    const name = `half_${randomBytes(6).toString('hex')}`
    await ask(server, `create database ${name}`)
    cleanups.push(() => ask(server, `drop database ${name} with (force)`))
    const url = new URL(server)
    url.pathname = `/${name}`
    return { kind: 'postgres', url: url.href }
  }

  it('leaves the shape before one of them or after it, and the next start ends them', async () => {
    const allowed = await shapesOnTheWay()
    const total = await startAndKill(await emptyPlace(), Number.POSITIVE_INFINITY)
    expect(total).toBeGreaterThan(KILLS)
    const found = new Set<string>()
    for (let n = 0; n < KILLS; n++) {
      const where = await emptyPlace()
      const at = 1 + Math.floor((n * total) / KILLS)
      await startAndKill(where, at)
      for (const [part, shape] of (await shapes(where)).entries()) {
        expect(allowed[part]!, `killed at ${at} of ${total}`).toContain(shape)
        found.add(`${part} ${shape}`)
      }
      const store = await openStore(where, { clock: manualClock(), log: silentLogger() })
      expect(await store.headSeq()).toBe(0)
      await store.close()
      const ended = await shapes(where)
      expect(ended).toEqual(allowed.map((each) => each.at(-1)))
    }
    expect(found.size).toBeGreaterThan(2)
  }, 120_000)

  /** For each database: empty, then with the table that records, then after each migration. */
  async function shapesOnTheWay(): Promise<string[][]> {
    const lists =
      dialect === 'sqlite'
        ? [stateMigrations, eventMigrations]
        : [[...stateMigrations, ...eventMigrations]]
    const words = dialect === 'sqlite' ? sqliteWords : postgresWords
    const allowed: string[][] = []
    for (const [part, migrations] of lists.entries()) {
      const where = await emptyPlace()
      const db = writerOf(where, part)
      const seen = ['']
      for (let n = 0; n <= migrations.length; n++) {
        await migrate(db, words, migrations.slice(0, n), manualClock())
        seen.push((await shapes(where))[part]!)
      }
      await db.destroy()
      allowed.push(seen)
    }
    return allowed
  }
})

const FILES = ['state.db', 'events.db']

function writerOf(where: StoreLocation, part: number): Kysely<Recorded> {
  if (where.kind === 'sqlite')
    return new Kysely({ dialect: sqliteDialect(new DatabaseSync(join(where.dir, FILES[part]!))) })
  return new Kysely({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: where.url, max: 1 }) }),
  })
}

/** What each database holds, as text: its tables and columns, and the migrations that are recorded. */
async function shapes(where: StoreLocation): Promise<string[]> {
  if (where.kind === 'postgres') {
    const columns = await ask(
      where.url,
      `select table_name || '.' || column_name as name from information_schema.columns
        where table_schema = 'public' order by 1`,
    )
    const recorded = columns.some((name) => name === 'migrations.name')
    return [described(columns, recorded ? await ask(where.url, RECORDED) : [])]
  }
  return FILES.map((file) => {
    const db = new DatabaseSync(join(where.dir, file))
    try {
      const names = (text: string) =>
        db
          .prepare(text)
          .all()
          .map(({ name }) => String(name))
      const objects = names(`select name || ': ' || sql as name from sqlite_schema
        where sql is not null and name not like 'sqlite_%' order by 1`)
      const recorded = objects.some((name) => name.startsWith('migrations:'))
      return described(objects, recorded ? names(RECORDED) : [])
    } finally {
      db.close()
    }
  })
}

const RECORDED = 'select name from migrations order by 1'
const described = (objects: readonly string[], recorded: readonly string[]) =>
  [...objects, ...recorded].join('\n')

async function ask(url: string, text: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<{ name: string }>(text)).rows.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

/** Opens the store in a process that kills itself before its statement `at`; resolves to how many it has run. */
function startAndKill(where: StoreLocation, at: number): Promise<number> {
  const script = `
    import { DatabaseSync, StatementSync } from 'node:sqlite'
    import pg from '${root}/node_modules/pg/lib/index.js'
    import { openStore } from '${root}/src/store/open.ts'
    import { systemClock } from '${root}/src/kernel/time.ts'
    import { silentLogger } from '${root}/src/telemetry/logger.ts'
    let count = 0
    const counted = (type, name) => {
      const original = type.prototype[name]
      type.prototype[name] = function (...args) {
        count++
        if (count === ${at}) process.kill(process.pid, 'SIGKILL')
        return original.apply(this, args)
      }
    }
    counted(DatabaseSync, 'exec')
    for (const name of ['run', 'all']) counted(StatementSync, name)
    counted(pg.Client, 'query')
    await openStore(${JSON.stringify(where)}, { clock: systemClock, log: silentLogger() })
    console.log(count)
    process.exit()`
  return new Promise((resolve, reject) => {
    const args = ['--input-type=module-typescript', '-e', script]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let [printed, complained] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (complained += chunk.toString()))
    child.once('close', (code, signal) => {
      if (signal === 'SIGKILL' || code === 0) resolve(Number(printed))
      else reject(new Error(complained))
    })
  })
}
