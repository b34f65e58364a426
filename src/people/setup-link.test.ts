import { describe, expect, test } from 'vitest'
import { addUser, auditRows, changeUser } from '../../test/fixtures/credential-rows.ts'
import { meanwhile } from '../../test/fixtures/meanwhile.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { Secret } from '../kernel/secret.ts'
import type { Core } from '../logs/core.ts'
import { resolveSession } from './login-sessions.ts'
import { checkSetupLink, createSetupLink, SETUP_LINK_LIFETIME, useSetupLink } from './setup-link.ts'
import { createSignIn } from './sign-in.ts'
import { listUsers } from './users.ts'

const cost = { N: 2 ** 4, r: 1, p: 1 }
const password = new Secret('correct horse battery')
const origin = { contextId: 'req_1', ip: '203.0.113.7', userAgent: 'Browser/1' }

forEachStore((_name, open) => {
  const start = async () => {
    const clock = manualClock()
    const { store } = await open(clock)
    return { core: testCore(store, clock), clock }
  }
  const use = (core: Core, token: string, login = 'root') =>
    useSetupLink(core, origin, { token, login, name: 'The Root', password }, cost)

  test('makes the first admin and signs the browser in', async () => {
    const { core } = await start()
    const { token } = await createSetupLink(core)
    const { cookie, signedIn } = await use(core, token)
    expect(signedIn.account).toMatchObject({ login: 'root', name: 'The Root', role: 'admin' })
    expect(await resolveSession(core, cookie)).toEqual(signedIn)
    const { signIn } = createSignIn(core, { cost })
    expect((await signIn(origin, { login: 'root', password })).signedIn.account.role).toBe('admin')
  })

  test('leaves a chain of events: created, used and signed in, all by the new admin', async () => {
    const { core } = await start()
    const { token } = await createSetupLink(core)
    const { signedIn } = await use(core, token)
    const events = await auditRows(core)
    expect(events.map((event) => event.code)).toEqual([
      'setup_link.created',
      'user.created',
      'setup_link.used',
      'sign_in.ok',
    ])
    expect(events[3]).toMatchObject({
      id: signedIn.eventId,
      parent_id: events[1]?.id,
      actor_id: signedIn.account.id,
      session_id: signedIn.sessionHash,
      ip: '203.0.113.7',
    })
    expect(JSON.stringify(events)).not.toContain(token)
  })

  test('only the hash of the token is stored', async () => {
    const { core } = await start()
    const { token } = await createSetupLink(core)
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    const rows = await core.store.db.selectFrom('setup_links').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain(token)
  })

  describe('stops working', () => {
    test('after 15 minutes', async () => {
      const { core, clock } = await start()
      const { token, expiresAt } = await createSetupLink(core)
      expect(expiresAt).toBe(clock.now() + 15 * 60_000)
      clock.advance(SETUP_LINK_LIFETIME - 1)
      expect(await checkSetupLink(core, token)).toEqual({ expiresAt })
      clock.advance(1)
      const gone = { code: 'gone', message: expect.stringContaining('expired') }
      await expect(checkSetupLink(core, token)).rejects.toMatchObject(gone)
      await expect(use(core, token)).rejects.toMatchObject({ code: 'gone' })
      expect(await listUsers(core)).toEqual([])
    })

    test('when a newer one is made', async () => {
      const { core } = await start()
      const old = await createSetupLink(core)
      const next = await createSetupLink(core)
      await expect(checkSetupLink(core, old.token)).rejects.toMatchObject({
        code: 'gone',
        message: expect.stringContaining('newer'),
      })
      await expect(use(core, old.token)).rejects.toMatchObject({ code: 'gone' })
      await use(core, next.token)
    })

    test('once it has been used', async () => {
      const { core } = await start()
      const { token } = await createSetupLink(core)
      const { signedIn } = await use(core, token)
      await expect(use(core, token, 'second')).rejects.toMatchObject({ code: 'conflict' })
      await changeUser(core, signedIn.account.id, { disabled_at: 1 })
      await expect(use(core, token, 'second')).rejects.toMatchObject({
        code: 'gone',
        message: expect.stringContaining('used'),
      })
      expect(await listUsers(core)).toHaveLength(1)
    })

    test('as soon as there is an active admin', async () => {
      const { core } = await start()
      const { token } = await createSetupLink(core)
      const admin = await addUser(core, { login: 'boss', role: 'admin' })
      await expect(checkSetupLink(core, token)).rejects.toMatchObject({ code: 'conflict' })
      await expect(use(core, token)).rejects.toMatchObject({ code: 'conflict' })
      await expect(createSetupLink(core)).rejects.toMatchObject({ code: 'conflict' })
      await changeUser(core, admin.id, { disabled_at: 1 })
      await expect(use(core, token)).resolves.toBeDefined()
    })
  })

  test.each(['', 'nonsense', 'A'.repeat(43)])('a made-up token is gone: %j', async (token) => {
    const { core } = await start()
    await createSetupLink(core)
    await expect(checkSetupLink(core, token)).rejects.toMatchObject({
      code: 'gone',
      remedy: expect.any(String),
    })
    await expect(use(core, token)).rejects.toMatchObject({ code: 'gone' })
  })

  test('of ten uses at once exactly one wins', async () => {
    const { core } = await start()
    const { token } = await createSetupLink(core)
    const uses = Array.from({ length: 10 }, (_, i) => use(core, token, `root${i}`))
    const results = await Promise.allSettled(uses)
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected')
        expect(['gone', 'conflict']).toContain((result.reason as { code: string }).code)
    expect(await listUsers(core)).toHaveLength(1)
    expect(await core.store.db.selectFrom('login_sessions').selectAll().execute()).toHaveLength(1)
  })

  test('is not used twice even when the admin it made is gone again at once', async () => {
    const { core } = await start()
    const { token } = await createSetupLink(core)
    const second = meanwhile(core, async () => {
      const { signedIn } = await use(core, token, 'first')
      await changeUser(core, signedIn.account.id, { disabled_at: 1 })
    })
    await expect(use(second, token, 'second')).rejects.toMatchObject({ code: 'gone' })
    expect((await listUsers(core)).map((user) => user.login)).toEqual(['first'])
  })

  test('does not work when an admin is made by another way in the meantime', async () => {
    const { core } = await start()
    const { token } = await createSetupLink(core)
    const late = meanwhile(core, () => addUser(core, { login: 'boss', role: 'admin' }))
    await expect(use(late, token)).rejects.toMatchObject({ code: 'conflict' })
    expect((await listUsers(core)).map((user) => user.login)).toEqual(['boss'])
  })

  test.each([
    { login: 'root', password: new Secret('short') },
    { login: '', password },
    { login: 'taken', password },
  ])('a mistake in the form does not use the link up (%#)', async (form) => {
    const { core } = await start()
    await addUser(core, { login: 'taken', role: 'member' })
    const { token } = await createSetupLink(core)
    await expect(useSetupLink(core, origin, { token, ...form }, cost)).rejects.toMatchObject({
      code: expect.stringMatching(/invalid_input|conflict/),
    })
    await expect(use(core, token)).resolves.toBeDefined()
  })
})
