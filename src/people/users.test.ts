import { describe, expect, test } from 'vitest'
import { auditRows } from '../../test/fixtures/credential-rows.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { Secret } from '../kernel/secret.ts'
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import { operator } from '../logs/event.ts'
import type { Change } from '../store/store.ts'
import { newSession, resolveSession, startSession } from './login-sessions.ts'
import { verifyPassword } from './passwords.ts'
import {
  createUser,
  disableUser,
  enableUser,
  findUser,
  hasActiveAdmin,
  listUsers,
  setPassword,
} from './users.ts'

const cheap = { N: 2 ** 4, r: 1, p: 1 }
const by = operator('req_1')
const password = new Secret('correct horse battery')

const signIn = (core: Core, userId: string) => {
  const session = newSession(core)
  return change(core, by, async (unit) => {
    const eventId = await unit.audit({ code: 'sign_in.ok' })
    await startSession(core, unit, { session, userId, origin: { contextId: 'r' }, eventId })
    return session
  })
}

forEachStore((_name, open) => {
  const start = async () => {
    const clock = manualClock()
    const { store } = await open(clock)
    const changes: Change[] = []
    store.onCommit((_seq, committed) => changes.push(...committed))
    return { core: testCore(store, clock), clock, changes }
  }

  describe('creating a user', () => {
    test('stores it with a hash, says so in the audit log and to the caches', async () => {
      const { core, changes } = await start()
      const ann = await createUser(core, by, { login: 'Ann', role: 'member', password }, cheap)
      expect(ann).toMatchObject({ login: 'Ann', name: 'Ann', role: 'member', disabledAt: null })
      expect(await findUser(core, { login: 'ANN' })).toEqual(ann)
      expect(await findUser(core, { id: ann.id })).toEqual(ann)
      const row = await core.store.db.selectFrom('users').selectAll().executeTakeFirstOrThrow()
      expect(await verifyPassword(core, password, row.password_hash, cheap)).toBe(true)
      expect(changes).toContainEqual({ topic: 'user', ref: ann.id })
      const audit = await auditRows(core)
      expect(audit).toMatchObject([
        { code: 'user.created', actor_type: 'operator', target_id: ann.id, user_id: ann.id },
      ])
      expect(JSON.stringify(audit)).not.toContain('horse')
    })

    test('is refused when the name is taken in another spelling, even at the same moment', async () => {
      const { core } = await start()
      await createUser(core, by, { login: 'Ann', role: 'member' })
      await expect(createUser(core, by, { login: ' ANN ', role: 'admin' })).rejects.toMatchObject({
        code: 'conflict',
        remedy: expect.stringContaining('another login name'),
      })
      const both = await Promise.allSettled([
        createUser(core, by, { login: 'bob', role: 'member' }),
        createUser(core, by, { login: 'BOB', role: 'member' }),
      ])
      expect(both.filter((r) => r.status === 'fulfilled')).toHaveLength(1)
      expect(await listUsers(core)).toHaveLength(2)
      expect(await auditRows(core)).toHaveLength(2)
    })

    test('is refused with a weak password, and nothing is stored', async () => {
      const { core } = await start()
      const weak = new Secret('password1234')
      await expect(
        createUser(core, by, { login: 'ann', role: 'member', password: weak }),
      ).rejects.toMatchObject({ code: 'invalid_input' })
      expect(await listUsers(core)).toEqual([])
    })

    test.each(['', 'a\u202Eb', 'x'.repeat(101)])('is refused with the name %j', async (name) => {
      const { core } = await start()
      await expect(
        createUser(core, by, { login: 'ann', name, role: 'member' }),
      ).rejects.toMatchObject({ code: 'invalid_input' })
    })

    test('needs no password', async () => {
      const { core } = await start()
      await createUser(core, by, { login: 'ann', role: 'member' })
      const row = await core.store.db.selectFrom('users').selectAll().executeTakeFirstOrThrow()
      expect(row.password_hash).toBeNull()
    })
  })

  test('people are listed by name, and an unknown one is null', async () => {
    const { core } = await start()
    for (const login of ['cid', 'Ann', 'bob']) await createUser(core, by, { login, role: 'member' })
    expect((await listUsers(core)).map((user) => user.login)).toEqual(['Ann', 'bob', 'cid'])
    expect(await findUser(core, { login: 'dora' })).toBeNull()
    expect(await findUser(core, { id: 'usr_none' })).toBeNull()
  })

  describe('disabling a user', () => {
    test('ends its browsers, tells the caches, and is audited', async () => {
      const { core, changes } = await start()
      const ann = await createUser(core, by, { login: 'ann', role: 'member' })
      const bob = await createUser(core, by, { login: 'bob', role: 'member' })
      const hers = await signIn(core, ann.id)
      const his = await signIn(core, bob.id)
      changes.length = 0
      const disabled = await disableUser(core, by, 'ANN')
      expect(disabled.disabledAt).toBe(core.clock.now())
      expect(await resolveSession(core, hers.cookie)).toBeNull()
      expect(await resolveSession(core, his.cookie)).not.toBeNull()
      expect(changes).toContainEqual({ topic: 'user', ref: ann.id })
      expect(changes).toContainEqual({ topic: 'session', ref: hers.hash })
      expect(changes).not.toContainEqual({ topic: 'session', ref: his.hash })
      expect((await auditRows(core)).at(-1)).toMatchObject({
        code: 'user.disabled',
        target_id: ann.id,
        detail: JSON.stringify({ sessionsEnded: 1 }),
      })
    })

    test('twice keeps the first time', async () => {
      const { core, clock } = await start()
      await createUser(core, by, { login: 'ann', role: 'member' })
      const first = await disableUser(core, by, 'ann')
      clock.advance(1000)
      expect(await disableUser(core, by, 'ann')).toEqual(first)
      expect((await auditRows(core)).at(-1)).toMatchObject({ reason: 'was disabled already' })
    })

    test('is refused for the last active admin, with what to do', async () => {
      const { core } = await start()
      await createUser(core, by, { login: 'root', role: 'admin' })
      await createUser(core, by, { login: 'other', role: 'admin' })
      await disableUser(core, by, 'other')
      await expect(disableUser(core, by, 'root')).rejects.toMatchObject({
        code: 'conflict',
        remedy: expect.stringContaining('users create'),
      })
      expect(await hasActiveAdmin(core.store.db)).toBe(true)
      await enableUser(core, by, 'other')
      await disableUser(core, by, 'root')
    })

    test('two admins who disable each other at once leave one', async () => {
      const { core } = await start()
      await createUser(core, by, { login: 'a', role: 'admin' })
      await createUser(core, by, { login: 'b', role: 'admin' })
      const both = await Promise.allSettled([
        disableUser(core, by, 'a'),
        disableUser(core, by, 'b'),
      ])
      expect(both.filter((r) => r.status === 'fulfilled')).toHaveLength(1)
      expect(await hasActiveAdmin(core.store.db)).toBe(true)
    })

    test('names the command that lists people when there is no such user', async () => {
      const { core } = await start()
      await expect(disableUser(core, by, 'nobody')).rejects.toMatchObject({
        code: 'not_found',
        remedy: expect.stringContaining('users list'),
      })
    })
  })

  test('enabling brings a user back', async () => {
    const { core, changes } = await start()
    const ann = await createUser(core, by, { login: 'ann', role: 'member' })
    await disableUser(core, by, 'ann')
    changes.length = 0
    expect((await enableUser(core, by, 'ann')).disabledAt).toBeNull()
    expect((await findUser(core, { id: ann.id }))?.disabledAt).toBeNull()
    expect(changes).toEqual([{ topic: 'user', ref: ann.id }])
    await expect(enableUser(core, by, 'nobody')).rejects.toMatchObject({ code: 'not_found' })
  })

  describe('setting a password', () => {
    test('replaces the old one and signs its browsers out', async () => {
      const { core } = await start()
      const ann = await createUser(core, by, { login: 'ann', role: 'member', password }, cheap)
      const session = await signIn(core, ann.id)
      const next = new Secret('a different horse, really')
      await setPassword(core, by, { login: 'Ann', password: next }, cheap)
      const row = await core.store.db.selectFrom('users').selectAll().executeTakeFirstOrThrow()
      expect(await verifyPassword(core, password, row.password_hash, cheap)).toBe(false)
      expect(await verifyPassword(core, next, row.password_hash, cheap)).toBe(true)
      expect(await resolveSession(core, session.cookie)).toBeNull()
      const audit = await auditRows(core)
      expect(audit.at(-1)).toMatchObject({ code: 'user.password_set', target_id: ann.id })
      expect(JSON.stringify(audit)).not.toContain('different horse')
    })

    test('by its owner keeps the browser in which that happens', async () => {
      const { core } = await start()
      const ann = await createUser(core, by, { login: 'ann', role: 'member', password }, cheap)
      const here = await signIn(core, ann.id)
      const elsewhere = await signIn(core, ann.id)
      const herself = {
        actor: { type: 'user', id: ann.id, name: 'ann' } as const,
        origin: { contextId: 'r', sessionId: here.hash },
      }
      const next = new Secret('a different horse, really')
      await setPassword(core, herself, { login: 'ann', password: next }, cheap)
      expect(await resolveSession(core, here.cookie)).not.toBeNull()
      expect(await resolveSession(core, elsewhere.cookie)).toBeNull()
    })

    test('is refused when weak or for nobody', async () => {
      const { core } = await start()
      await createUser(core, by, { login: 'ann', role: 'member' })
      await expect(
        setPassword(core, by, { login: 'ann', password: new Secret('short') }),
      ).rejects.toMatchObject({ code: 'invalid_input' })
      await expect(setPassword(core, by, { login: 'bob', password })).rejects.toMatchObject({
        code: 'not_found',
      })
    })
  })
})
