// Time must not tell who has an account (threats.md row 39): the same work whoever asks for whatever name.
import { expect, test } from 'vitest'
import { storeOpener, testCore } from '../../test/fixtures/stores.ts'
import { Secret } from '../kernel/secret.ts'
import { systemClock } from '../kernel/time.ts'
import { operator } from '../logs/event.ts'
import { createSignIn } from './sign-in.ts'
import { createUser } from './users.ts'

const ROUNDS = 30
/** About a twentieth of the real cost: long enough to measure, short enough to repeat. */
const cost = { N: 2 ** 13, r: 8, p: 1 }
const by = operator('req_1')
const open = storeOpener('sqlite')

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** How far the slower or quicker of the other two is from the known name, as a share. */
async function difference(): Promise<number> {
  const { store } = await open(systemClock)
  const core = testCore(store, systemClock)
  const password = new Secret('correct horse battery')
  for (let i = 0; i < ROUNDS; i++) {
    await createUser(core, by, { login: `known${i}`, role: 'member', password }, cost)
    await createUser(core, by, { login: `blank${i}`, role: 'member' }, cost)
  }
  const { signIn } = createSignIn(core, { cost })
  const took: Record<string, number[]> = { known: [], nobody: [], blank: [] }
  for (let i = 0; i < ROUNDS; i++)
    for (const [kind, times] of Object.entries(took)) {
      const origin = { contextId: 'req_2', ip: `198.51.100.${i}` }
      const began = performance.now()
      const error: { code?: string } = await signIn(origin, {
        login: `${kind}${i}`,
        password: new Secret('incorrect horse battery'),
      }).then(
        () => ({}),
        (reason: { code: string }) => reason,
      )
      times.push(performance.now() - began)
      expect(error.code).toBe('sign_in_failed')
    }
  const known = median(took.known!)
  return Math.max(...['nobody', 'blank'].map((kind) => Math.abs(median(took[kind]!) / known - 1)))
}

test('a wrong password, a name that nobody has and an account without a password take equally long', async () => {
  // Other work on the machine disturbs a measurement; a real difference is there each time.
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 3 && least >= 0.25; attempt++)
    least = Math.min(least, await difference())
  expect(least).toBeLessThan(0.25)
})
