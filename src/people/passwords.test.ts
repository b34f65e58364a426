import { describe, expect, test } from 'vitest'
import { idsFrom, systemRandom } from '../kernel/ids.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { Secret } from '../kernel/secret.ts'
import type { Core } from '../logs/core.ts'
import type { Store } from '../store/store.ts'
import { silentLogger } from '../telemetry/logger.ts'
import {
  checkNewPassword,
  hashPassword,
  isOutdated,
  PRODUCTION_COST,
  verifyPassword,
} from './passwords.ts'

const cheap = { N: 2 ** 10, r: 8, p: 1 }
const secret = (text: string) => new Secret(text)
const core = (): Core => ({
  store: {} as Store,
  clock: manualClock(),
  random: systemRandom,
  newId: idsFrom(systemRandom),
  log: silentLogger(),
})

describe('a stored password', () => {
  test('is recognised, and nothing else is', async () => {
    const stored = await hashPassword(core(), secret('correct horse battery'), cheap)
    expect(await verifyPassword(core(), secret('correct horse battery'), stored)).toBe(true)
    expect(await verifyPassword(core(), secret('correct horse batterY'), stored)).toBe(false)
    expect(await verifyPassword(core(), secret(''), stored)).toBe(false)
  })

  test('carries its parameters and never the password', async () => {
    const stored = await hashPassword(core(), secret('correct horse battery'), cheap)
    expect(stored).toMatch(/^scrypt\$1024\$8\$1\$[\w-]{22}\$[\w-]{43}$/)
    expect(stored).not.toContain('horse')
  })

  test('is salted: the same password is stored differently each time', async () => {
    const [a, b] = await Promise.all([
      hashPassword(core(), secret('correct horse battery'), cheap),
      hashPassword(core(), secret('correct horse battery'), cheap),
    ])
    expect(a).not.toBe(b)
  })

  test('is the same however the characters were composed', async () => {
    const stored = await hashPassword(core(), secret('cafe\u0301 au lait, svp'), cheap)
    expect(await verifyPassword(core(), secret('café au lait, svp'), stored)).toBe(true)
  })

  test('is checked with the parameters it was made with, not those in force', async () => {
    const stored = await hashPassword(core(), secret('correct horse battery'), cheap)
    const other = { N: 2 ** 11, r: 4, p: 2 }
    expect(await verifyPassword(core(), secret('correct horse battery'), stored, other)).toBe(true)
    expect(isOutdated(stored, other)).toBe(true)
    expect(isOutdated(stored, cheap)).toBe(false)
    expect(isOutdated(stored)).toBe(true)
  })

  test('costs 128 MiB by default, and that works', async () => {
    expect(PRODUCTION_COST).toEqual({ N: 131_072, r: 8, p: 1 })
    const stored = await hashPassword(core(), secret('correct horse battery'))
    expect(await verifyPassword(core(), secret('correct horse battery'), stored)).toBe(true)
  })

  test.each([
    'scrypt$1073741824$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'scrypt$8388608$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'scrypt$1000$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'scrypt$1024$8$99$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'scrypt$1024$0$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'scrypt$1024$8$1$$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'bcrypt$whatever',
    '',
  ])('with absurd parameters is a fault, not a hash of gigabytes: %s', async (stored) => {
    await expect(verifyPassword(core(), secret('x'), stored)).rejects.toMatchObject({
      code: 'internal',
    })
  })
})

describe('an account that does not exist', () => {
  test('costs the same work and is never right', async () => {
    const one = core()
    const stored = await hashPassword(one, secret('correct horse battery'), cheap)
    const timed = async (encoded: string | null, cost = cheap) => {
      const times: number[] = []
      for (let i = 0; i < 15; i++) {
        const start = process.hrtime.bigint()
        await verifyPassword(one, secret('some wrong password'), encoded, cost)
        times.push(Number(process.hrtime.bigint() - start))
      }
      return times.sort((a, b) => a - b)[7]!
    }
    expect(await verifyPassword(one, secret(''), null, cheap)).toBe(false)
    const known = await timed(stored)
    const unknown = await timed(null)
    // The machine is shared; a missing dummy hash would be off by a factor of hundreds.
    expect(unknown).toBeGreaterThan(known / 3)
    expect(unknown).toBeLessThan(known * 3)
  })

  test('an over-long password is refused with the work of a short one', async () => {
    const stored = await hashPassword(core(), secret(''), cheap)
    expect(await verifyPassword(core(), secret('x'.repeat(1025)), stored)).toBe(false)
  })
})

describe('the queue', () => {
  test('hands its places on, so that everybody gets an answer, in the order they came', async () => {
    const one = core()
    const order: number[] = []
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        // Alternating long and short work: with more than two at once, all short ones would end first.
        const cost = { N: i % 2 === 0 ? 2 ** 15 : 2, r: 8, p: 1 }
        const answer = await verifyPassword(one, secret('some wrong password'), null, cost)
        order.push(i)
        return answer
      }),
    )
    expect(answers).toEqual(Array(8).fill(false))
    expect(order.indexOf(7)).toBeGreaterThan(order.indexOf(2))
  })

  test('refuses the flood instead of taking all memory', async () => {
    const one = core()
    const cost = { N: 2 ** 12, r: 8, p: 1 }
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, () => verifyPassword(one, secret('some password'), null, cost)),
    )
    const refused = results.filter((r) => r.status === 'rejected')
    expect(refused).toHaveLength(100 - 2 - 64)
    expect(refused[0]).toMatchObject({ reason: { code: 'overloaded' } })
    expect(await verifyPassword(one, secret('some password'), null, cheap)).toBe(false)
  })
})

describe('a new password', () => {
  const check = (text: string, login = 'ann') => checkNewPassword(secret(text), login)

  test.each(['correct horse battery', 'xK9#mmQ2!vLp', 'drei Zwerge tanzen', 'пароль для шлюза'])(
    'is accepted: %j',
    (text) => {
      expect(() => check(text)).not.toThrow()
    },
  )

  test('has at least 12 characters, counted as people count', () => {
    expect(() => check('xK9#mmQ2!vL')).toThrow(/shorter than 12/)
    expect(() => check('🙂🐴🔋📎🎈🌵🧀🚲🪁🧊🧲')).toThrow(/shorter than 12/)
    expect(() => check('🙂🐴🔋📎🎈🌵🧀🚲🪁🧊🧲🪜')).not.toThrow()
  })

  test('has at most 1024 bytes', () => {
    const long = 'correct horse battery staple '.repeat(40)
    expect(() => check(long.slice(0, 1024))).not.toThrow()
    expect(() => check(long.slice(0, 1025))).toThrow(/1024 bytes/)
  })

  test.each([
    'password1234',
    'Password123!',
    'P@ssw0rd2026',
    'passwordpassword',
    '123456789012',
    'qwertyuiop12',
    'aaaaaaaaaaaa',
    'abababababab',
    'administrator1',
    'mooringadmin1',
    'letmeinletmein',
    '1q2w3e4r5t6y',
  ])('is not one that everybody tries: %s', (text) => {
    expect(() => check(text)).toThrow(/anybody would guess/)
  })

  test('is not the login name with something after it', () => {
    expect(() => check('katharina2026', 'Katharina')).toThrow(/anybody would guess/)
    expect(() => check('katharina2026', 'ann')).not.toThrow()
  })

  test('may contain an obvious word beside enough else', () => {
    expect(() => check('my password is a pelican')).not.toThrow()
  })

  test('is never repeated in the error', () => {
    try {
      check('hunter2')
      expect.unreachable()
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toContain('hunter2')
    }
  })
})
