import { afterEach, expect, test } from 'vitest'
import { type FakeServer, fakeServer } from '../../test/fixtures/fake-link.ts'
import { callOf, nobody, serverOf, signalled, toolCall } from '../../test/fixtures/link-rig.ts'
import { AppError } from '../kernel/app-error.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { minutes, seconds } from '../kernel/time.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { LinkFor } from './link.ts'
import { createPool, type Pool } from './pool.ts'

const http = serverOf({ kind: 'http', url: 'http://127.0.0.1:1/mcp' })
const stdio = serverOf({ kind: 'stdio', command: 'x', args: [] }, { id: 'srv_stdio' })
const pools: Pool[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close()
})

function rig(children = 4): {
  pool: Pool
  fake: FakeServer
  clock: ReturnType<typeof manualClock>
} {
  const clock = manualClock()
  const fake = fakeServer()
  const pool = createPool({
    clock,
    log: silentLogger(),
    opener: fake.opener,
    secretOf: () => ({}),
    children,
  })
  pools.push(pool)
  return { pool, fake, clock }
}

const forUser = (affinity: string, capabilities = {}): LinkFor => ({
  ...nobody,
  affinity,
  capabilities,
})
const unreachable = () => {
  throw new AppError('server_unreachable', 'nothing listens there')
}

test('a link is opened once for any number of callers at the same time', async () => {
  const { pool, fake } = rig()
  const links = await Promise.all(Array.from({ length: 50 }, () => pool.link(http, { ...nobody })))
  expect(new Set(links).size).toBe(1)
  expect(fake.links).toHaveLength(1)
})

test('who may share a link decides: another person, other capabilities, another revision get their own', async () => {
  const { pool, fake } = rig()
  await pool.link(http, forUser('user:a'))
  await pool.link(http, forUser('user:b'))
  await pool.link(http, forUser('user:a', { roots: {} }))
  await pool.link(http, forUser('user:a'))
  expect(fake.links).toHaveLength(3)
  await pool.link({ ...http, revision: 2 }, forUser('user:a'))
  expect(fake.links.map(({ closed }) => closed !== null)).toEqual([true, true, true, false])
})

test('a lost link is opened again on the next use, and counted', async () => {
  const { pool, fake } = rig()
  await pool.link(http, nobody)
  fake.links[0]!.lose()
  await pool.link(http, nobody)
  expect(fake.links).toHaveLength(2)
  expect(pool.status(http.id)).toMatchObject({ state: 'up', links: 1, restarts: 1 })
})

test('a failed opening reaches every caller that waited, and the next one tries again', async () => {
  const { pool, fake } = rig()
  fake.opening = unreachable
  const both = await Promise.allSettled([pool.link(http, nobody), pool.link(http, nobody)])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(pool.status(http.id)).toMatchObject({
    state: 'failing',
    lastError: { message: 'nothing listens there' },
  })
  fake.opening = () => undefined
  await expect(pool.link(http, nobody)).resolves.toBeDefined()
})

test('after five failures calls are refused at once, with cause and time, without touching the server', async () => {
  const { pool, fake, clock } = rig()
  let attempts = 0
  fake.opening = () => {
    attempts++
    unreachable()
  }
  for (let i = 0; i < 5; i++) await pool.link(http, nobody).catch(() => undefined)
  await expect(pool.link(http, nobody)).rejects.toMatchObject({
    code: 'server_unreachable',
    message: expect.stringMatching(/left alone for another 1 s.*nothing listens there/),
  })
  expect(attempts).toBe(5)
  expect(pool.status(http.id)).toMatchObject({ state: 'paused', retryAt: clock.now() + 1000 })
  clock.advance(1000)
  fake.opening = () => undefined
  const link = await pool.link(http, nobody)
  await link.request(toolCall('x'))
  expect(pool.status(http.id)).toMatchObject({ state: 'up', retryAt: null })
})

test('one server that fails does not stop another', async () => {
  const { pool, fake } = rig()
  fake.opening = (server) => (server.id === http.id ? unreachable() : undefined)
  for (let i = 0; i < 6; i++) await pool.link(http, nobody).catch(() => undefined)
  await expect(pool.link(stdio, nobody)).resolves.toBeDefined()
})

const dies = (fake: FakeServer) => () => {
  const link = fake.links.at(-1)!
  link.lose()
  throw link.closed
}

test('one death is one failure, however many calls were under way', async () => {
  const { pool, fake } = rig()
  const link = await pool.link(stdio, nobody)
  fake.answer = dies(fake)
  await Promise.allSettled(Array.from({ length: 50 }, () => link.request(toolCall('x'))))
  expect(pool.status(stdio.id)).toMatchObject({ state: 'failing', retryAt: null })
  expect(await pool.link(stdio, nobody)).not.toBe(link)
})

test('a program that lists its tools and dies of every call is started less and less often', async () => {
  const { pool, fake, clock } = rig()
  const round = async () => {
    const link = await pool.link(stdio, nobody)
    fake.answer = () => ({ result: { tools: [] } })
    await link.request(callOf('tools/list'))
    fake.answer = dies(fake)
    await link.request(toolCall('x')).catch(() => undefined)
  }
  for (let i = 0; i < 5; i++) await round()
  const refused = { message: expect.stringMatching(/left alone for another 1 s.*gone/) }
  await expect(pool.link(stdio, nobody)).rejects.toMatchObject(refused)
  clock.advance(seconds(1))
  await round()
  const longer = { message: expect.stringMatching(/left alone for another 2 s/) }
  await expect(pool.link(stdio, nobody)).rejects.toMatchObject(longer)
  clock.advance(seconds(2))
  const link = await pool.link(stdio, nobody)
  fake.answer = () => ({ result: {} })
  await link.request(toolCall('x'))
  fake.links.at(-1)!.lose()
  expect(await pool.link(stdio, nobody)).not.toBe(link)
})

test('a server that is dropped while it opens is not waited for', async () => {
  const { pool, fake } = rig()
  const asked = signalled()
  fake.opening = (_server, signal) => {
    asked.settle()
    return new Promise((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason)),
    )
  }
  const opening = expect(pool.link(stdio, nobody)).rejects.toMatchObject({ code: 'server_closed' })
  await asked.promise
  await pool.drop(stdio.id)
  await opening
})

test('a program that dies with every call is left alone in the end, a slow tool does no harm', async () => {
  const { pool, fake } = rig()
  fake.answer = () => {
    throw new AppError('server_timeout', 'slow')
  }
  for (let i = 0; i < 10; i++)
    await (await pool.link(stdio, nobody)).request(toolCall('x')).catch(() => undefined)
  expect(pool.status(stdio.id).state).toBe('up')
  fake.answer = () => {
    fake.links.at(-1)!.lose()
    throw new AppError('server_closed', 'exit code 7')
  }
  for (let i = 0; i < 5; i++)
    await (await pool.link(stdio, nobody)).request(toolCall('x')).catch(() => undefined)
  await expect(pool.link(stdio, nobody)).rejects.toMatchObject({
    message: expect.stringContaining('exit code 7'),
  })
})

test('a call that its caller gave up says nothing of the server', async () => {
  const { pool, fake } = rig()
  const abort = new AbortController()
  abort.abort()
  fake.answer = () => {
    throw new AppError('server_closed', 'cut')
  }
  const link = await pool.link(http, nobody)
  for (let i = 0; i < 6; i++)
    await link.request(toolCall('x', {}, { signal: abort.signal })).catch(() => undefined)
  expect(pool.status(http.id).state).toBe('up')
})

test('programs are stopped after five idle minutes, connections after ten; use keeps them', async () => {
  const { pool, fake, clock } = rig()
  const program = await pool.link(stdio, nobody)
  await pool.link(http, nobody)
  clock.advance(minutes(4))
  await program.request(callOf('ping'))
  clock.advance(minutes(4))
  await new Promise(setImmediate)
  expect(fake.links.map(({ closed }) => closed !== null)).toEqual([false, false])
  clock.advance(minutes(1))
  await new Promise(setImmediate)
  expect(fake.links.map(({ closed }) => closed !== null)).toEqual([true, false])
  clock.advance(minutes(1))
  await new Promise(setImmediate)
  expect(fake.links.map(({ closed }) => closed !== null)).toEqual([true, true])
  expect(pool.status(stdio.id).state).toBe('idle')
})

test('a call in flight keeps its program, however long it takes', async () => {
  const { pool, fake, clock } = rig()
  const done = signalled<{ result: object }>()
  fake.answer = () => done.promise as never
  const call = (await pool.link(stdio, nobody)).request(toolCall('long'))
  clock.advance(minutes(30))
  await new Promise(setImmediate)
  expect(fake.links[0]!.closed).toBeNull()
  done.settle({ result: {} })
  await call
})

test('no more programs than allowed: an idle one makes room, busy ones do not', async () => {
  const { pool, fake } = rig(2)
  const a = await pool.link(stdio, forUser('a'))
  await pool.link(stdio, forUser('b'))
  const busy = signalled<never>()
  fake.answer = () => busy.promise
  void a.request(toolCall('x'))
  await pool.link(stdio, forUser('c'))
  await new Promise(setImmediate)
  expect(fake.links.map(({ closed }) => closed !== null)).toEqual([false, true, false])
  void (await pool.link(stdio, forUser('c'))).request(toolCall('x'))
  await expect(pool.link(stdio, forUser('d'))).rejects.toMatchObject({ code: 'overloaded' })
  await expect(pool.link(http, nobody)).resolves.toBeDefined()
})

test('news of every link reaches the listeners of the pool, with server and use', async () => {
  const { pool, fake } = rig()
  const heard: unknown[] = []
  const stop = pool.onNotification((server, linkFor, { method }) =>
    heard.push([server.id, linkFor.affinity, method]),
  )
  await pool.link(http, forUser('user:a'))
  fake.links[0]!.tell({ method: 'notifications/tools/list_changed' })
  stop()
  fake.links[0]!.tell({ method: 'notifications/tools/list_changed' })
  expect(heard).toEqual([[http.id, 'user:a', 'notifications/tools/list_changed']])
})

test('dropping a server closes its links, those still opening too, and forgets its failures', async () => {
  const { pool, fake } = rig()
  fake.opening = unreachable
  for (let i = 0; i < 6; i++) await pool.link(http, nobody).catch(() => undefined)
  const [slow, asked] = [signalled(), signalled()]
  fake.opening = () => {
    asked.settle()
    return slow.promise
  }
  await pool.drop(http.id)
  const opening = pool.link(http, nobody)
  await asked.promise
  const dropped = pool.drop(http.id)
  slow.settle()
  await Promise.all([opening, dropped])
  expect(fake.links[0]!.closed).not.toBeNull()
  expect(pool.status(http.id)).toMatchObject({ state: 'idle', links: 0, lastError: null })
})

test('a closed pool closes everything and opens nothing', async () => {
  const { pool, fake, clock } = rig()
  await pool.link(http, nobody)
  await pool.close()
  expect(fake.links[0]!.closed).not.toBeNull()
  clock.advance(seconds(120))
  await expect(pool.link(http, nobody)).rejects.toMatchObject({ code: 'overloaded' })
})
