import { afterEach, expect, test } from 'vitest'
import { type FakeServer, fakeServer } from '../../test/fixtures/fake-link.ts'
import { serverOf, signalled } from '../../test/fixtures/link-rig.ts'
import { forEachStore, type OpenStore, testCore } from '../../test/fixtures/stores.ts'
import { AppError } from '../kernel/app-error.ts'
import type { ManualClock } from '../kernel/manual-clock.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import { minutes, seconds } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { type Catalogs, createCatalogs, SHARED_LINK } from './catalogs.ts'
import { createPool, type Pool } from './pool.ts'
import type { Server } from './server.ts'

type TestCore = Core & { clock: ManualClock }

const open: (Catalogs | Pool)[] = []
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close()
})

const tool = (name: string): JsonObject => ({ name, inputSchema: { type: 'object' } })
const notes = serverOf(
  { kind: 'http', url: 'http://127.0.0.1:1/mcp' },
  { id: 'srv_notes', name: 'notes' },
)
const files = serverOf(
  { kind: 'stdio', command: 'x', args: [] },
  { id: 'srv_files', name: 'files' },
)

/** Servers that offer what `tools` says, per server id. */
function offering(tools: Record<string, JsonObject[] | Error>): FakeServer {
  const fake = fakeServer()
  fake.opening = (server) => {
    const offer = tools[server.id]
    if (offer instanceof Error) throw offer
  }
  fake.answer = () => ({ result: { tools: [] } })
  const { open: opened } = fake.opener
  fake.opener.open = async (server, ...rest) => {
    const link = await opened(server, ...rest)
    const request = link.request
    link.request = async (call) => {
      const offer = tools[server.id]
      if (offer instanceof Error) throw offer
      await request(call)
      return call.method === 'tools/list'
        ? { result: { tools: offer ?? [] } }
        : { result: { prompts: [], resources: [], resourceTemplates: [] } }
    }
    return link
  }
  return fake
}

forEachStore((_name, openStore: OpenStore) => {
  const rig = async (fake: FakeServer, known?: TestCore) => {
    const core: TestCore = known ?? testCore((await openStore()).store)
    const { clock } = core
    const pool = createPool({
      clock,
      log: silentLogger(),
      opener: fake.opener,
      secretOf: () => ({}),
      children: 4,
    })
    const catalogs = createCatalogs(core, pool)
    open.push(catalogs, pool)
    return { core, clock, pool, catalogs }
  }
  const insert = (core: Core, server: Server) =>
    core.store.transaction(async ({ db }) => {
      await db
        .insertInto('servers')
        .values({
          id: server.id,
          name: server.name,
          kind: server.spec.kind,
          spec: JSON.stringify(server.spec),
          secret_sealed: null,
          permit: 'none',
          people: 'everyone',
          owner: 'admin',
          created_at: 1,
          updated_at: 1,
          removed_at: null,
        })
        .execute()
    })
  const names = (catalogs: Catalogs, id: string) => [...(catalogs.get(id)?.tools.keys() ?? [])]

  test('what a server offers is read, told and stored', async () => {
    const fake = offering({ [notes.id]: [tool('b'), tool('a')] })
    const { core, catalogs } = await rig(fake)
    await insert(core, notes)
    const heard: unknown[] = []
    catalogs.onChange((server, lists) => heard.push([server.name, lists]))
    const before = await core.store.headSeq()
    await catalogs.start([notes])
    await catalogs.settled()
    expect(names(catalogs, notes.id)).toEqual(['a', 'b'])
    expect(heard).toEqual([['notes', ['tools', 'prompts', 'resources']]])
    expect(await core.store.changesSince(before)).toMatchObject({
      changes: [{ topic: 'catalog', ref: notes.id }],
    })
  })

  test('after a restart lists are there at once, even when the server is down', async () => {
    const up = await rig(offering({ [notes.id]: [tool('a')] }))
    await insert(up.core, notes)
    await up.catalogs.start([notes])
    await up.catalogs.settled()
    const down = offering({
      [notes.id]: new AppError('server_unreachable', 'nothing listens there'),
    })
    const { catalogs } = await rig(down, up.core)
    await catalogs.start([notes])
    expect(names(catalogs, notes.id)).toEqual(['a'])
    await catalogs.settled()
    expect(names(catalogs, notes.id)).toEqual(['a'])
    expect(catalogs.problem(notes.id)?.message).toBe('nothing listens there')
  })

  test('a catalogue that is the same as before is neither stored nor told again', async () => {
    const { core, catalogs } = await rig(offering({ [notes.id]: [tool('a')] }))
    await insert(core, notes)
    await catalogs.start([notes])
    await catalogs.settled()
    const before = await core.store.headSeq()
    const heard: unknown[] = []
    catalogs.onChange((server) => heard.push(server))
    await catalogs.refresh(notes.id)
    expect(heard).toEqual([])
    expect(await core.store.headSeq()).toBe(before)
  })

  test('a server that is removed meanwhile leaves no catalogue behind', async () => {
    const { core, catalogs } = await rig(offering({ [notes.id]: [tool('a')] }))
    await catalogs.start([notes])
    await catalogs.settled()
    expect(names(catalogs, notes.id)).toEqual(['a'])
    expect(await core.store.db.selectFrom('catalogs').selectAll().execute()).toEqual([])
  })

  test('another process stored a newer catalogue: it is taken over and told', async () => {
    const one = await rig(offering({ [notes.id]: [tool('a')] }))
    await insert(one.core, notes)
    const down = await rig(
      offering({ [notes.id]: new AppError('server_unreachable', 'no') }),
      one.core,
    )
    await down.catalogs.start([notes])
    await down.catalogs.settled()
    expect(down.catalogs.get(notes.id)).toBeNull()
    await one.catalogs.start([notes])
    await one.catalogs.settled()
    const heard: unknown[] = []
    down.catalogs.onChange((server) => heard.push(server.name))
    await down.catalogs.reload(notes.id)
    expect(names(down.catalogs, notes.id)).toEqual(['a'])
    expect(heard).toEqual(['notes'])
  })

  test('one dead server holds up nobody, is reported with its cause, and recovers alone', async () => {
    const offers: Record<string, JsonObject[] | Error> = {
      [notes.id]: [tool('a')],
      [files.id]: new AppError('server_start', 'exit code 3'),
    }
    const { catalogs, clock } = await rig(offering(offers))
    await catalogs.start([files, notes])
    await catalogs.settled()
    expect(names(catalogs, notes.id)).toEqual(['a'])
    expect(catalogs.get(files.id)).toBeNull()
    expect(catalogs.problem(files.id)?.message).toBe('exit code 3')
    offers[files.id] = [tool('f')]
    clock.advance(seconds(1))
    await catalogs.settled()
    expect(names(catalogs, files.id)).toEqual(['f'])
    expect(catalogs.problem(files.id)).toBeNull()
  })

  test('a server that hangs is given up after the deadline; the others were there long before', async () => {
    const fake = offering({ [notes.id]: [tool('a')] })
    const hangs = signalled<never>()
    const { open: opened } = fake.opener
    fake.opener.open = async (server, ...rest) => {
      const link = await opened(server, ...rest)
      if (server.id === files.id)
        link.request = (call) =>
          new Promise((_resolve, reject) => {
            call.signal.addEventListener('abort', () => reject(call.signal.reason))
            void hangs.promise
          })
      return link
    }
    const { catalogs, clock } = await rig(fake)
    const ready = signalled()
    catalogs.onChange(() => ready.settle())
    await catalogs.start([files, notes])
    await ready.promise
    expect(names(catalogs, notes.id)).toEqual(['a'])
    // The deadline runs from when the reading began.
    await new Promise(setImmediate)
    clock.advance(seconds(30))
    await catalogs.settled()
    expect(catalogs.problem(files.id)?.message).toContain('took too long')
  })

  test('list_changed on any link is followed; many at once cost one more reading', async () => {
    const offers = { [notes.id]: [tool('a')] }
    const fake = offering(offers)
    const { catalogs, pool, clock } = await rig(fake)
    await catalogs.start([notes])
    await catalogs.settled()
    await pool.link(notes, { ...SHARED_LINK, affinity: 'user:a' })
    const readings = () =>
      fake.links.flatMap(({ calls }) => calls).filter(({ method }) => method === 'tools/list')
        .length
    expect(readings()).toBe(1)
    offers[notes.id] = [tool('a'), tool('new')]
    for (let i = 0; i < 20; i++) fake.links[1]!.tell({ method: 'notifications/tools/list_changed' })
    fake.links[1]!.tell({ method: 'notifications/message' })
    await catalogs.settled()
    clock.advance(0)
    await catalogs.settled()
    expect(names(catalogs, notes.id)).toEqual(['a', 'new'])
    expect(readings()).toBe(3)
  })

  test('servers on the network are read again now and then, programs are not woken for it', async () => {
    const fake = offering({ [notes.id]: [tool('a')], [files.id]: [tool('f')] })
    const { catalogs, clock } = await rig(fake)
    await catalogs.start([notes, files])
    await catalogs.settled()
    clock.advance(minutes(5))
    await catalogs.settled()
    const readings = (id: string) =>
      fake.links
        .filter(({ server }) => server.id === id)
        .flatMap(({ calls }) => calls)
        .filter(({ method }) => method === 'tools/list').length
    expect([readings(notes.id), readings(files.id)]).toEqual([2, 1])
  })

  test('servers that are followed before the start are read once, and stored lists serve meanwhile', async () => {
    const first = await rig(offering({ [notes.id]: [tool('a')] }))
    await insert(first.core, notes)
    await first.catalogs.start([notes])
    await first.catalogs.settled()
    const fake = offering({ [notes.id]: [tool('b')] })
    const { catalogs } = await rig(fake, first.core)
    const opening = signalled()
    fake.opening = () => opening.promise
    catalogs.follow([notes])
    await catalogs.start([notes])
    expect(names(catalogs, notes.id)).toEqual(['a'])
    opening.settle()
    await catalogs.settled()
    expect(names(catalogs, notes.id)).toEqual(['b'])
    expect(fake.links[0]!.calls.filter(({ method }) => method === 'tools/list')).toHaveLength(1)
  })

  test('a list that fails now is offered as it was', async () => {
    const fake = offering({ [notes.id]: [tool('a')] })
    const { catalogs } = await rig(fake)
    await catalogs.start([notes])
    await catalogs.settled()
    const link = fake.links[0]!
    link.request = async () => ({ error: { code: -32603, message: 'database is down' } })
    await catalogs.refresh(notes.id)
    expect(names(catalogs, notes.id)).toEqual(['a'])
    expect(catalogs.get(notes.id)?.problems).toEqual([
      'notes could not list its tools: database is down (-32603)',
    ])
  })

  test('servers that come, go and change are followed', async () => {
    const offers = { [notes.id]: [tool('a')], [files.id]: [tool('f')] }
    const fake = offering(offers)
    const { catalogs } = await rig(fake)
    await catalogs.start([notes])
    await catalogs.settled()
    catalogs.follow([notes, files])
    await catalogs.settled()
    expect(names(catalogs, files.id)).toEqual(['f'])
    // Another rule on the same server: its lists stay while they are read again.
    catalogs.follow([{ ...notes, revision: 2, permit: 'none' }, files])
    expect(names(catalogs, notes.id)).toEqual(['a'])
    // Another address: nothing of the old one is offered.
    const moved: Server = {
      ...notes,
      revision: 3,
      spec: { kind: 'http', url: 'http://127.0.0.1:2/mcp' },
    }
    catalogs.follow([moved, files])
    expect(catalogs.get(notes.id)).toBeNull()
    await catalogs.settled()
    catalogs.follow([files])
    expect(catalogs.get(notes.id)).toBeNull()
    await expect(catalogs.refresh(notes.id)).rejects.toMatchObject({ code: 'server_unknown' })
  })
})
