import { describe, expect, test } from 'vitest'
import { addUser, auditRows, changeUser } from '../../test/fixtures/credential-rows.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { tokenHash } from '../kernel/digest.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { change } from '../logs/change.ts'
import type { Core } from '../logs/core.ts'
import { type Origin, operator } from '../logs/event.ts'
import type { Change } from '../store/store.ts'
import {
  ABSOLUTE_LIMIT,
  endSession,
  endSessionsOfUser,
  IDLE_LIMIT,
  newSession,
  resolveSession,
  startSession,
  TOUCH_EVERY,
} from './login-sessions.ts'

const origin: Origin = { contextId: 'req_1', ip: '203.0.113.7', userAgent: 'Browser/1' }
const by = operator('req_1')

forEachStore((_name, open) => {
  const start = async () => {
    const clock = manualClock()
    const { store } = await open(clock)
    const core = testCore(store, clock)
    const changes: Change[] = []
    store.onCommit((_seq, committed) => changes.push(...committed))
    return { core, clock, changes, user: await addUser(core) }
  }

  const signIn = (core: Core, userId: string, more: { replaces?: string; from?: Origin } = {}) => {
    const session = newSession(core)
    return change(core, by, async (unit) => {
      const eventId = await unit.audit({ code: 'sign_in.ok' })
      const expiresAt = await startSession(core, unit, {
        session,
        userId,
        origin: more.from ?? origin,
        eventId,
        replaces: more.replaces,
      })
      return { ...session, eventId, expiresAt }
    })
  }

  const rowOf = (core: Core, hash: string) =>
    core.store.db
      .selectFrom('login_sessions')
      .selectAll()
      .where('id_hash', '=', hash)
      .executeTakeFirstOrThrow()

  test('a session knows who signed in, by which event, and until when', async () => {
    const { core, user } = await start()
    const session = await signIn(core, user.id)
    expect(await resolveSession(core, session.cookie)).toEqual({
      account: expect.objectContaining({ id: user.id, login: 'ann', role: 'member' }),
      sessionHash: tokenHash(session.cookie),
      eventId: session.eventId,
      expiresAt: core.clock.now() + ABSOLUTE_LIMIT,
    })
  })

  test('the cookie has 256 random bits and only its hash is stored', async () => {
    const { core, user } = await start()
    const session = await signIn(core, user.id)
    expect(Buffer.from(session.cookie, 'base64url')).toHaveLength(32)
    const row = await rowOf(core, session.hash)
    expect(JSON.stringify(row)).not.toContain(session.cookie)
    expect(row).toMatchObject({ ip: '203.0.113.7', user_agent: 'Browser/1', ended_at: null })
  })

  test('an endless user agent is cut', async () => {
    const { core, user } = await start()
    const from = { contextId: 'r', userAgent: 'x'.repeat(5000) }
    const session = await signIn(core, user.id, { from })
    expect(await rowOf(core, session.hash)).toMatchObject({ user_agent: 'x'.repeat(300), ip: null })
  })

  test.each([undefined, '', 'short', 'x'.repeat(43), `${'x'.repeat(42)}'`, 'x'.repeat(100_000)])(
    'a cookie that was never issued is nobody (%#)',
    async (cookie) => {
      const { core } = await start()
      expect(await resolveSession(core, cookie)).toBeNull()
    },
  )

  test('the stored hash is not a cookie', async () => {
    const { core, user } = await start()
    const session = await signIn(core, user.id)
    expect(await resolveSession(core, session.hash)).toBeNull()
  })

  describe('time', () => {
    test('ends a session left alone for eight hours', async () => {
      const { core, clock, user } = await start()
      const session = await signIn(core, user.id)
      clock.advance(IDLE_LIMIT - 1)
      expect(await resolveSession(core, session.cookie)).not.toBeNull()
      clock.advance(IDLE_LIMIT - 1)
      expect(await resolveSession(core, session.cookie)).not.toBeNull()
      clock.advance(IDLE_LIMIT)
      expect(await resolveSession(core, session.cookie)).toBeNull()
    })

    test('ends a busy session after seven days', async () => {
      const { core, clock, user } = await start()
      const session = await signIn(core, user.id)
      const step = IDLE_LIMIT / 2
      for (let passed = step; passed < ABSOLUTE_LIMIT; passed += step) {
        clock.advance(step)
        expect(await resolveSession(core, session.cookie)).not.toBeNull()
      }
      clock.advance(step)
      expect(await resolveSession(core, session.cookie)).toBeNull()
    })

    test('is written at most once a minute', async () => {
      const { core, clock, user } = await start()
      const session = await signIn(core, user.id)
      const first = core.clock.now()
      clock.advance(TOUCH_EVERY - 1)
      await resolveSession(core, session.cookie)
      expect((await rowOf(core, session.hash)).last_seen_at).toBe(first)
      clock.advance(1)
      await resolveSession(core, session.cookie)
      expect((await rowOf(core, session.hash)).last_seen_at).toBe(first + TOUCH_EVERY)
    })
  })

  test('a disabled user is signed out everywhere, at once', async () => {
    const { core, user } = await start()
    const session = await signIn(core, user.id)
    await changeUser(core, user.id, { disabled_at: core.clock.now() })
    expect(await resolveSession(core, session.cookie)).toBeNull()
  })

  test('signing in ends the session that the browser brought, and no other', async () => {
    const { core, user } = await start()
    const before = await signIn(core, user.id)
    const elsewhere = await signIn(core, user.id)
    const after = await signIn(core, user.id, { replaces: before.cookie })
    expect(after.cookie).not.toBe(before.cookie)
    expect(await resolveSession(core, before.cookie)).toBeNull()
    expect(await resolveSession(core, elsewhere.cookie)).not.toBeNull()
    expect(await resolveSession(core, after.cookie)).not.toBeNull()
  })

  test('a planted cookie is not taken over', async () => {
    const { core, user } = await start()
    const planted = 'A'.repeat(43)
    await signIn(core, user.id, { replaces: planted })
    expect(await resolveSession(core, planted)).toBeNull()
  })

  describe('signing out', () => {
    test('ends the session, is audited as following from the sign-in, and tells the caches', async () => {
      const { core, user, changes } = await start()
      const session = await signIn(core, user.id)
      expect(await endSession(core, by, session.cookie)).toBe(true)
      expect(await resolveSession(core, session.cookie)).toBeNull()
      expect((await auditRows(core)).at(-1)).toMatchObject({
        code: 'sign_in.ended',
        user_id: user.id,
        parent_id: session.eventId,
      })
      expect(changes).toContainEqual({ topic: 'session', ref: session.hash })
    })

    test('twice, or by nobody, changes nothing', async () => {
      const { core, user } = await start()
      const session = await signIn(core, user.id)
      await endSession(core, by, session.cookie)
      const before = await auditRows(core)
      expect(await endSession(core, by, session.cookie)).toBe(false)
      expect(await endSession(core, by, undefined)).toBe(false)
      expect(await auditRows(core)).toEqual(before)
    })

    test('everywhere spares the browser named and other people', async () => {
      const { core, user } = await start()
      const other = await addUser(core, { login: 'bob' })
      const [a, b, his] = [
        await signIn(core, user.id),
        await signIn(core, user.id),
        await signIn(core, other.id),
      ]
      const ended = await change(core, by, async (unit) => {
        await unit.audit({ code: 'test' })
        return endSessionsOfUser(core, unit, user.id, a.hash)
      })
      expect(ended).toBe(1)
      expect(await resolveSession(core, a.cookie)).not.toBeNull()
      expect(await resolveSession(core, b.cookie)).toBeNull()
      expect(await resolveSession(core, his.cookie)).not.toBeNull()
    })
  })
})
