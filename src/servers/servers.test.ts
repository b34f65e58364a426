import { expect, test } from 'vitest'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { openVault } from '../credentials/vault.ts'
import { isAppError } from '../kernel/app-error.ts'
import { Secret } from '../kernel/secret.ts'
import { operator } from '../logs/event.ts'
import type { ServerSpec } from './server.ts'
import {
  addServer,
  findServer,
  listServers,
  loadServers,
  removeServer,
  serverSecret,
  setServerSecret,
  updateServer,
} from './servers.ts'

const by = operator('req_1')
const http: ServerSpec = { kind: 'http', url: 'http://127.0.0.1:9/mcp' }
const bearer = { headers: { Authorization: new Secret('Bearer canary-123') } }

forEachStore((_name, open) => {
  const rig = async () => {
    const { store, dir } = await open()
    const core = testCore(store)
    const vault = openVault({ dir })
    const person = (login: string) =>
      store.transaction(async ({ db }) => {
        const row = {
          id: `usr_${login}`,
          login,
          login_key: login,
          name: login,
          role: 'member' as const,
        }
        const rest = {
          password_hash: null,
          created_at: 1,
          last_sign_in_at: null,
          disabled_at: null,
        }
        await db
          .insertInto('users')
          .values({ ...row, ...rest })
          .execute()
      })
    const events = () => store.db.selectFrom('audit_events').selectAll().orderBy('seq').execute()
    return { core, vault, dir, person, events }
  }

  test('an added server is found and listed by name, with nothing permitted unless said', async () => {
    const { core, vault } = await rig()
    const b = await addServer(core, vault, by, { name: 'b-notes', spec: http })
    await addServer(core, vault, by, {
      name: 'a',
      spec: { kind: 'stdio', command: '/bin/x', args: ['--y'] },
      permit: 'all',
    })
    expect((await listServers(core)).map(({ name, permit }) => [name, permit])).toEqual([
      ['a', 'all'],
      ['b-notes', 'none'],
    ])
    expect(await findServer(core, 'b-notes')).toEqual(b)
    expect(b).toMatchObject({ spec: http, people: null, owner: 'admin' })
    expect(await findServer(core, 'c')).toBeNull()
  })

  test('each change is one audit event and tells every cache', async () => {
    const { core, vault, events } = await rig()
    const before = await core.store.headSeq()
    const { id } = await addServer(core, vault, by, { name: 'notes', spec: http, secret: bearer })
    await updateServer(core, by, 'notes', { permit: 'read-only' })
    await setServerSecret(core, vault, by, 'notes', {})
    await removeServer(core, by, 'notes')
    expect((await events()).map(({ code, server_id }) => [code, server_id])).toEqual(
      ['server.added', 'server.changed', 'server.secret_set', 'server.removed'].map((c) => [c, id]),
    )
    const news = await core.store.changesSince(before)
    expect(news?.changes.filter(({ ref }) => ref === id).length).toBeGreaterThan(0)
    expect(news?.changes.every(({ topic }) => topic === 'server')).toBe(true)
  })

  test('the secret is sealed, opens for the gateway only, and is in no event and no listing', async () => {
    const { core, vault, events } = await rig()
    const server = await addServer(core, vault, by, {
      name: 'notes',
      spec: http,
      secret: bearer,
    })
    const secret = await serverSecret(core, vault, server)
    expect(secret.headers?.Authorization?.reveal()).toBe('Bearer canary-123')
    const rows = await core.store.db.selectFrom('servers').selectAll().execute()
    const everything = JSON.stringify([await events(), await listServers(core), rows, secret])
    expect(everything).not.toContain('canary-123')
  })

  test('the query of an address is sealed like a header, survives a new header, and is in no event and no listing', async () => {
    const { core, vault, events } = await rig()
    const spec: ServerSpec = { kind: 'http', url: 'http://127.0.0.1:9/mcp?key=canary-456' }
    const server = await addServer(core, vault, by, { name: 'keyed', spec })
    await setServerSecret(core, vault, by, 'keyed', bearer)
    const rows = await core.store.db.selectFrom('servers').selectAll().execute()
    for (const shown of [server, await listServers(core), await events(), rows])
      expect(JSON.stringify(shown)).not.toContain('canary')
    const { query, headers } = await serverSecret(core, vault, server)
    expect(query?.reveal()).toBe('?key=canary-456')
    expect(headers?.Authorization?.reveal()).toContain('canary-123')
  })

  test('a user name or password in an address is refused, since it would not be sent', async () => {
    const { core, vault } = await rig()
    const spec: ServerSpec = { kind: 'http', url: 'http://me:canary-789@127.0.0.1:9/mcp' }
    const error = await addServer(core, vault, by, { name: 'x', spec }).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'blocked_address' })
    expect(String(error)).not.toContain('canary')
  })

  test('a secret moved to the row of another server does not open there', async () => {
    const { core, vault } = await rig()
    await addServer(core, vault, by, { name: 'a', spec: http, secret: bearer })
    const b = await addServer(core, vault, by, { name: 'b', spec: http })
    await core.store.transaction(async ({ db }) => {
      const { secret_sealed } = await db
        .selectFrom('servers')
        .select('secret_sealed')
        .where('name', '=', 'a')
        .executeTakeFirstOrThrow()
      await db.updateTable('servers').set({ secret_sealed }).where('name', '=', 'b').execute()
    })
    await expect(serverSecret(core, vault, b)).rejects.toThrow()
    // The gateway starts all the same: one server without its credential is not the end of the others.
    expect(await loadServers(core, vault)).toHaveLength(2)
  })

  test('another address is another server: secret, permit and catalogue of the old one go', async () => {
    const { core, vault } = await rig()
    const before = await addServer(core, vault, by, {
      name: 'notes',
      spec: http,
      secret: bearer,
      permit: 'all',
    })
    await core.store.transaction(async ({ db }) => {
      await db
        .insertInto('catalogs')
        .values({ server_id: before.id, payload: '{}', fetched_at: 1 })
        .execute()
    })
    const same = await updateServer(core, by, 'notes', { spec: http })
    expect(same.permit).toBe('all')
    expect((await serverSecret(core, vault, same)).headers).toBeDefined()
    const moved = await updateServer(core, by, 'notes', {
      spec: { ...http, url: 'https://evil.example/' },
    })
    expect(moved.permit).toBe('none')
    expect(await serverSecret(core, vault, moved)).toEqual({})
    expect(await core.store.db.selectFrom('catalogs').selectAll().execute()).toEqual([])
  })

  test('every change moves the revision, even within one millisecond', async () => {
    const { core, vault } = await rig()
    const seen = [(await addServer(core, vault, by, { name: 'notes', spec: http })).revision]
    for (const permit of ['all', 'none', 'all'] as const)
      seen.push((await updateServer(core, by, 'notes', { permit })).revision)
    expect(new Set(seen).size).toBe(4)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })

  test('people are named by login, and only those on the list remain', async () => {
    const { core, vault, person } = await rig()
    await person('ada')
    await person('bob')
    const server = await addServer(core, vault, by, {
      name: 'notes',
      spec: http,
      people: ['Ada', 'bob', 'ADA'],
    })
    expect(server.people).toEqual(new Set(['usr_ada', 'usr_bob']))
    await updateServer(core, by, 'notes', { people: ['bob'] })
    expect((await findServer(core, 'notes'))?.people).toEqual(new Set(['usr_bob']))
    await updateServer(core, by, 'notes', { permit: 'all' })
    expect((await findServer(core, 'notes'))?.people).toEqual(new Set(['usr_bob']))
    expect((await updateServer(core, by, 'notes', { people: [] })).people).toEqual(new Set())
    expect((await updateServer(core, by, 'notes', { people: null })).people).toBeNull()
    await expect(updateServer(core, by, 'notes', { people: ['eve'] })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test('a name is taken once, also by two at the same time, and free again after removal', async () => {
    const { core, vault } = await rig()
    const both = await Promise.allSettled(
      [1, 2].map(() => addServer(core, vault, by, { name: 'notes', spec: http })),
    )
    const failed = both.filter(({ status }) => status === 'rejected')
    expect(failed).toHaveLength(1)
    expect(
      failed.every((one) => one.status === 'rejected' && isAppError(one.reason, 'conflict')),
    ).toBe(true)
    await removeServer(core, by, 'notes')
    expect(await findServer(core, 'notes')).toBeNull()
    const again = await addServer(core, vault, by, { name: 'notes', spec: http })
    expect(await listServers(core)).toEqual([again])
  })

  test('a removed server keeps its row for the logs and loses its secret', async () => {
    const { core, vault } = await rig()
    const server = await addServer(core, vault, by, { name: 'notes', spec: http, secret: bearer })
    await removeServer(core, by, 'notes')
    const row = await core.store.db.selectFrom('servers').selectAll().executeTakeFirstOrThrow()
    expect(row).toMatchObject({ id: server.id, name: 'notes', secret_sealed: null })
    expect(row.removed_at).not.toBeNull()
    const unknown = { code: 'server_unknown' }
    await expect(removeServer(core, by, 'notes')).rejects.toMatchObject(unknown)
    await expect(updateServer(core, by, 'notes', {})).rejects.toMatchObject(unknown)
  })

  test('a refused change leaves nothing behind', async () => {
    const { core, vault, events } = await rig()
    await expect(
      addServer(core, vault, by, { name: 'notes', spec: http, people: ['nobody-here'] }),
    ).rejects.toMatchObject({ code: 'not_found' })
    expect(await listServers(core)).toEqual([])
    expect(await events()).toEqual([])
  })

  test('a program and its environment are shown in the log without the values', async () => {
    const { core, vault, events } = await rig()
    const spec = { kind: 'stdio' as const, command: 'x', args: [], env: { PLAIN: 'canary-plain' } }
    await addServer(core, vault, by, {
      name: 'notes',
      spec,
      secret: { env: { KEY: new Secret('canary-key') } },
    })
    const [event] = await events()
    expect(event?.detail).not.toContain('canary')
    expect(JSON.parse(event?.detail ?? '')).toMatchObject({
      spec: { command: 'x', env: ['PLAIN'] },
      secret: ['KEY'],
    })
  })
})
