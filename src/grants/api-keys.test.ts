import { describe, expect, test } from 'vitest'
import { addUser, auditRows, by, changeUser } from '../../test/fixtures/credential-rows.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { tokenHash } from '../kernel/digest.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { hours } from '../kernel/time.ts'
import type { Change } from '../store/store.ts'
import { createKey, listKeys, revokeKey } from './api-keys.ts'
import { readToken } from './token-format.ts'

forEachStore((_name, open) => {
  const start = async () => {
    const clock = manualClock()
    const { store } = await open(clock)
    const core = testCore(store, clock)
    const changes: Change[] = []
    store.onCommit((_seq, committed) => changes.push(...committed))
    return { core, clock, changes, ann: await addUser(core) }
  }
  const input = { userLogin: 'ANN', name: 'build server' }

  describe('a new key', () => {
    test('is shown once: only its hash and its first characters are stored', async () => {
      const { core, ann, changes } = await start()
      const { id, key } = await createKey(core, by(), input)
      expect(readToken(key.reveal())).toEqual({ kind: 'key' })
      expect(String(key)).toBe('[redacted]')
      const row = await core.store.db.selectFrom('api_keys').selectAll().executeTakeFirstOrThrow()
      expect(row).toMatchObject({
        id,
        hash: tokenHash(key.reveal()),
        prefix: key.reveal().slice(0, 9),
        user_id: ann.id,
      })
      const everything = JSON.stringify([row, await auditRows(core), await listKeys(core)])
      expect(everything).not.toContain(key.reveal().slice(3, 20))
      expect(changes).toContainEqual({ topic: 'key', ref: id })
    })

    test('lives an hour and has the scope mcp for every endpoint unless told otherwise', async () => {
      const { core, clock } = await start()
      const { expiresAt } = await createKey(core, by(), input)
      expect(expiresAt).toBe(clock.now() + hours(1))
      expect(await listKeys(core)).toMatchObject([{ scopes: ['mcp'], resource: null, expiresAt }])
    })

    test('takes lifetime, scopes and endpoint as given', async () => {
      const { core, clock } = await start()
      await createKey(core, by(), {
        ...input,
        ttlMs: 5000,
        scopes: ['notes:write', 'notes:read', 'notes:read'],
        resource: '/s/notes/mcp/',
      })
      expect(await listKeys(core)).toMatchObject([
        {
          expiresAt: clock.now() + 5000,
          scopes: ['notes:read', 'notes:write'],
          resource: '/s/notes/mcp',
        },
      ])
    })

    test('lives for ever only when that is asked for', async () => {
      const { core } = await start()
      expect((await createKey(core, by(), { ...input, ttlMs: null })).expiresAt).toBeNull()
      expect((await createKey(core, by(), { ...input, ttlMs: undefined })).expiresAt).not.toBeNull()
    })

    test('is an audit event that its calls can name as their parent', async () => {
      const { core, ann } = await start()
      const { id } = await createKey(core, by(), input)
      const [event] = await auditRows(core)
      expect(event).toMatchObject({
        code: 'key.created',
        target_type: 'key',
        target_id: id,
        target_name: 'build server',
        user_id: ann.id,
      })
      const row = await core.store.db.selectFrom('api_keys').selectAll().executeTakeFirstOrThrow()
      expect(row.event_id).toBe(event?.id)
    })

    test.each([
      [{ name: '' }, /name of a key/],
      [{ name: 'a\u202Eb' }, /name of a key/],
      [{ ttlMs: 0 }, /between one second/],
      [{ ttlMs: -1 }, /between one second/],
      [{ ttlMs: Number.NaN }, /between one second/],
      [{ ttlMs: Number.POSITIVE_INFINITY }, /between one second/],
      [{ scopes: [] }, /at least one scope/],
      [{ scopes: ['notes:reed'] }, /"notes:reed" is not a scope/],
      [{ scopes: ['mcp openid'] }, /is not a scope/],
      [{ resource: 'https://gate.example/mcp' }, /not the path of an endpoint/],
      [{ resource: '/notes' }, /not the path of an endpoint/],
      [{ resource: '' }, /not the path of an endpoint/],
    ])('is refused with %j', async (wrong, words) => {
      const { core } = await start()
      const made = async () => createKey(core, by(), { ...input, ...wrong })
      await expect(made()).rejects.toMatchObject({
        code: 'invalid_input',
        message: expect.stringMatching(words),
        remedy: expect.any(String),
      })
      expect(await listKeys(core)).toEqual([])
    })

    test('is refused for nobody and for a disabled account', async () => {
      const { core, ann } = await start()
      const nobody = { ...input, userLogin: 'nobody' }
      await expect(createKey(core, by(), nobody)).rejects.toMatchObject({ code: 'not_found' })
      await changeUser(core, ann.id, { disabled_at: 1 })
      await expect(createKey(core, by(), input)).rejects.toMatchObject({ code: 'conflict' })
      expect(await auditRows(core)).toEqual([])
    })
  })

  test('keys are listed newest first, all or those of one person', async () => {
    const { core, clock, ann } = await start()
    await addUser(core, { login: 'bob', name: 'Bob' })
    await createKey(core, by(), { ...input, name: 'one' })
    clock.advance(1)
    await createKey(core, by(), { userLogin: 'bob', name: 'two' })
    clock.advance(1)
    await createKey(core, by(), { ...input, name: 'three' })
    expect((await listKeys(core)).map((key) => key.name)).toEqual(['three', 'two', 'one'])
    const hers = await listKeys(core, { userId: ann.id })
    expect(hers.map((key) => key.name)).toEqual(['three', 'one'])
    expect((await listKeys(core))[1]?.user).toMatchObject({ login: 'bob', name: 'Bob' })
  })

  describe('revoking', () => {
    test('marks the key, tells the caches, and is audited', async () => {
      const { core, clock, changes } = await start()
      const { id } = await createKey(core, by(), input)
      const other = await createKey(core, by(), { ...input, name: 'other' })
      changes.length = 0
      await revokeKey(core, by(), id)
      expect(changes).toEqual([{ topic: 'key', ref: id }])
      const keys = await listKeys(core)
      expect(keys.find((key) => key.id === id)?.revokedAt).toBe(clock.now())
      expect(keys.find((key) => key.id === other.id)?.revokedAt).toBeNull()
      expect((await auditRows(core)).at(-1)).toMatchObject({ code: 'key.revoked', target_id: id })
    })

    test('twice keeps the first time', async () => {
      const { core, clock } = await start()
      const { id } = await createKey(core, by(), input)
      await revokeKey(core, by(), id)
      const first = clock.now()
      clock.advance(1000)
      await revokeKey(core, by(), id)
      expect((await listKeys(core))[0]?.revokedAt).toBe(first)
      expect((await auditRows(core)).at(-1)).toMatchObject({ reason: 'was revoked already' })
    })

    test('names the command that lists keys when there is no such key', async () => {
      const { core } = await start()
      await expect(revokeKey(core, by(), 'key_none')).rejects.toMatchObject({
        code: 'not_found',
        remedy: expect.stringContaining('keys list'),
      })
    })
  })
})
