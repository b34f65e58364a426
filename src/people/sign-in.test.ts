import { describe, expect, test } from 'vitest'
import { auditRows, changeUser } from '../../test/fixtures/credential-rows.ts'
import { meanwhile } from '../../test/fixtures/meanwhile.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { Secret } from '../kernel/secret.ts'
import { operator } from '../logs/event.ts'
import { MOST_BY_ACCOUNT, MOST_BY_NETWORK, WINDOW } from './lockout.ts'
import { resolveSession } from './login-sessions.ts'
import { createSignIn } from './sign-in.ts'
import { createUser, disableUser, setPassword } from './users.ts'

const cost = { N: 2 ** 4, r: 1, p: 1 }
const by = operator('req_1')
const right = new Secret('correct horse battery')
const wrong = new Secret('incorrect horse battery')
const from = (ip: string) => ({ contextId: 'req_2', ip, userAgent: 'Browser/1' })
const home = from('203.0.113.7')

forEachStore((_name, open) => {
  const start = async () => {
    const clock = manualClock()
    const opened = await open(clock)
    const core = testCore(opened.store, clock)
    const ann = await createUser(core, by, { login: 'Ann', role: 'member', password: right }, cost)
    const { signIn } = createSignIn(core, { cost })
    const codeOf = (origin: typeof home, login: string, password: Secret) =>
      signIn(origin, { login, password }).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      )
    return { core, clock, ann, signIn, codeOf, reopen: opened.reopen }
  }

  describe('with the right password', () => {
    test('the browser is signed in, and the session names the event', async () => {
      const { core, ann, signIn, clock } = await start()
      clock.advance(5000)
      const { cookie, signedIn } = await signIn(home, { login: ' ANN ', password: right })
      expect(signedIn.account).toEqual({ ...ann, lastSignInAt: clock.now() })
      expect(await resolveSession(core, cookie)).toEqual(signedIn)
      const event = (await auditRows(core)).at(-1)
      expect(event).toMatchObject({
        id: signedIn.eventId,
        code: 'sign_in.ok',
        severity: 'info',
        outcome: 'ok',
        actor_type: 'user',
        actor_id: ann.id,
        user_id: ann.id,
        session_id: signedIn.sessionHash,
        ip: '203.0.113.7',
        user_agent: 'Browser/1',
      })
    })

    test('every sign-in has a session id of its own and ends the one before', async () => {
      const { core, signIn } = await start()
      const first = await signIn(home, { login: 'ann', password: right })
      const second = await signIn(home, { login: 'ann', password: right, cookie: first.cookie })
      expect(second.cookie).not.toBe(first.cookie)
      expect(await resolveSession(core, first.cookie)).toBeNull()
      expect(await resolveSession(core, second.cookie)).not.toBeNull()
    })

    test('twenty at once all get in', async () => {
      const { codeOf } = await start()
      const all = await Promise.all(Array.from({ length: 20 }, () => codeOf(home, 'ann', right)))
      expect(all).toEqual(Array(20).fill('ok'))
    })

    test('a hash of another cost is renewed', async () => {
      const { core, codeOf } = await start()
      const dearer = createSignIn(core, { cost: { N: 2 ** 5, r: 1, p: 1 } })
      await dearer.signIn(home, { login: 'ann', password: right })
      const row = await core.store.db.selectFrom('users').selectAll().executeTakeFirstOrThrow()
      expect(row.password_hash).toMatch(/^scrypt\$32\$/)
      expect(await codeOf(home, 'ann', right)).toBe('ok')
    })
  })

  describe('that fails', () => {
    test('says the same words for a wrong password and an unknown name', async () => {
      const { signIn } = await start()
      const errors = []
      for (const login of ['ann', 'nobody', '', 'x'.repeat(100_000), 'a\u0000b'])
        errors.push(await signIn(home, { login, password: wrong }).catch((error: Error) => error))
      expect(errors[0]).toMatchObject({ code: 'sign_in_failed', status: 401 })
      for (const error of errors)
        expect(error).toMatchObject({
          message: (errors[0] as Error).message,
          remedy: expect.any(String),
        })
    })

    test('is an audit event with severity warn; the log knows which it was', async () => {
      const { core, ann, codeOf } = await start()
      await codeOf(home, 'ann', wrong)
      await codeOf(home, 'nobody', wrong)
      const events = (await auditRows(core)).slice(1)
      expect(events).toMatchObject([
        {
          code: 'sign_in.failed',
          severity: 'warn',
          outcome: 'refused',
          reason: 'wrong password',
          user_id: ann.id,
          ip: '203.0.113.7',
        },
        { code: 'sign_in.failed', severity: 'warn', reason: 'unknown login name', user_id: null },
      ])
    })

    test('records neither the password nor a name that nobody has: it may be a password', async () => {
      const { core, codeOf } = await start()
      await codeOf(home, 'my-secret-typed-too-early', wrong)
      const log = JSON.stringify(await auditRows(core))
      expect(log).not.toContain('typed-too-early')
      expect(log).not.toContain('horse')
    })

    test('starts no session', async () => {
      const { core, codeOf } = await start()
      await codeOf(home, 'ann', wrong)
      expect(await core.store.db.selectFrom('login_sessions').selectAll().execute()).toEqual([])
    })

    test('happens to an account without a password, whatever is typed', async () => {
      const { core, codeOf } = await start()
      await createUser(core, by, { login: 'sso', role: 'member' })
      expect(await codeOf(home, 'sso', new Secret(''))).toBe('sign_in_failed')
      expect(await codeOf(home, 'sso', right)).toBe('sign_in_failed')
    })

    test('tells that an account is disabled only to who knows its password', async () => {
      const { core, codeOf } = await start()
      await disableUser(core, by, 'ann')
      expect(await codeOf(home, 'ann', wrong)).toBe('sign_in_failed')
      expect(await codeOf(home, 'ann', right)).toBe('user_disabled')
      expect((await auditRows(core)).at(-1)).toMatchObject({
        code: 'sign_in.failed',
        reason: 'account disabled',
      })
    })

    test('happens when the account is disabled while the password is being checked', async () => {
      const { core } = await start()
      const slow = meanwhile(core, () => disableUser(core, by, 'ann'))
      const { signIn } = createSignIn(slow, { cost })
      await expect(signIn(home, { login: 'ann', password: right })).rejects.toMatchObject({
        code: 'user_disabled',
      })
      expect(await core.store.db.selectFrom('login_sessions').selectAll().execute()).toEqual([])
    })

    test('happens when the password is changed while it is being checked', async () => {
      const { core, ann } = await start()
      const slow = meanwhile(core, () => changeUser(core, ann.id, { password_hash: null }))
      const { signIn } = createSignIn(slow, { cost })
      await expect(signIn(home, { login: 'ann', password: right })).rejects.toMatchObject({
        code: 'sign_in_failed',
      })
      expect(await core.store.db.selectFrom('login_sessions').selectAll().execute()).toEqual([])
    })
  })

  describe('lockout by account', () => {
    const fill = async (
      codeOf: (o: typeof home, l: string, p: Secret) => Promise<string>,
      login: string,
    ) => {
      for (let i = 0; i < MOST_BY_ACCOUNT; i++)
        expect(await codeOf(from(`198.51.100.${i}`), login, wrong)).toBe('sign_in_failed')
    }

    test('refuses even the right password, from anywhere, and says until when', async () => {
      const { signIn, clock, codeOf } = await start()
      await fill(codeOf, 'ann')
      const error = await signIn(home, { login: 'ann', password: right }).catch((e: unknown) => e)
      expect(error).toMatchObject({
        code: 'rate_limited',
        status: 429,
        data: { retryAfter: WINDOW / 1000, retryAt: new Date(clock.now() + WINDOW).toISOString() },
      })
    })

    test('ends by itself', async () => {
      const { clock, codeOf } = await start()
      await fill(codeOf, 'ann')
      clock.advance(WINDOW - 1)
      expect(await codeOf(home, 'ann', right)).toBe('rate_limited')
      clock.advance(1)
      expect(await codeOf(home, 'ann', right)).toBe('ok')
    })

    test('treats unknown names the same, and leaves other accounts alone', async () => {
      const { codeOf } = await start()
      await fill(codeOf, 'nobody')
      expect(await codeOf(home, 'nobody', right)).toBe('rate_limited')
      expect(await codeOf(home, 'ann', right)).toBe('ok')
    })

    test('counts from the last success or new password on', async () => {
      const { core, codeOf } = await start()
      for (let i = 1; i < MOST_BY_ACCOUNT; i++) await codeOf(from(`198.51.100.${i}`), 'ann', wrong)
      expect(await codeOf(home, 'ann', right)).toBe('ok')
      await fill(codeOf, 'ann')
      expect(await codeOf(home, 'ann', right)).toBe('rate_limited')
      await setPassword(core, by, { login: 'ann', password: right }, cost)
      expect(await codeOf(home, 'ann', right)).toBe('ok')
    })

    test('survives a restart and holds for a second process', async () => {
      const { clock, codeOf, reopen } = await start()
      await fill(codeOf, 'ann')
      const second = createSignIn(testCore(await reopen(), clock), { cost })
      await expect(second.signIn(home, { login: 'ann', password: right })).rejects.toMatchObject({
        code: 'rate_limited',
      })
    })

    test('is one alert, and refused attempts write nothing more', async () => {
      const { core, ann, codeOf } = await start()
      await fill(codeOf, 'ann')
      const events = await auditRows(core)
      expect(events.at(-1)).toMatchObject({
        code: 'sign_in.locked',
        severity: 'alert',
        user_id: ann.id,
        reason: 'too many failures by account',
        parent_id: events.at(-2)?.id,
      })
      for (let i = 0; i < 5; i++) await codeOf(home, 'ann', wrong)
      expect(await auditRows(core)).toHaveLength(events.length)
    })

    test('sixty guesses at once learn no more than the limit allows', async () => {
      const { codeOf } = await start()
      const guesses = Array.from({ length: 60 }, (_, i) =>
        codeOf(from(`198.51.100.${i}`), 'ann', wrong),
      )
      const answers = await Promise.all(guesses)
      const told = answers.filter((answer) => answer === 'sign_in_failed').length
      expect(told).toBe(MOST_BY_ACCOUNT)
      expect(answers.filter((answer) => answer === 'rate_limited').length).toBe(60 - told)
      expect(await codeOf(home, 'ann', right)).toBe('rate_limited')
    })
  })

  describe('lockout by network', () => {
    test('stops one network that tries many names; others still get in', async () => {
      const { codeOf } = await start()
      for (let i = 0; i < MOST_BY_NETWORK; i++)
        expect(await codeOf(home, `nobody${i}`, wrong)).toBe('sign_in_failed')
      expect(await codeOf(home, 'ann', right)).toBe('rate_limited')
      expect(await codeOf(from('203.0.113.8'), 'ann', right)).toBe('ok')
    })

    test('counts a whole IPv6 /64 as one, and IPv4 in IPv6 as IPv4', async () => {
      const { codeOf } = await start()
      for (let i = 0; i < MOST_BY_NETWORK; i++)
        await codeOf(from(`2001:db8:1:2::${i.toString(16)}`), `nobody${i}`, wrong)
      expect(await codeOf(from('2001:db8:1:2:ffff::1'), 'ann', right)).toBe('rate_limited')
      expect(await codeOf(from('2001:db8:1:3::1'), 'ann', right)).toBe('ok')
      for (let i = 0; i < MOST_BY_NETWORK; i++)
        await codeOf(from('::ffff:198.51.100.9'), `someone${i}`, wrong)
      expect(await codeOf(from('198.51.100.9'), 'ann', right)).toBe('rate_limited')
    })

    test('is not reset by a success: one’s own account would be the way around', async () => {
      const { codeOf } = await start()
      for (let i = 0; i < MOST_BY_NETWORK; i++) {
        if (i % 5 === 0) await codeOf(home, 'ann', right)
        await codeOf(home, `nobody${i}`, wrong)
      }
      expect(await codeOf(home, 'ann', right)).toBe('rate_limited')
    })
  })
})
