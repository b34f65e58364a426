/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are what this is about */
import { describe, expect, test } from 'vitest'
import { systemRandom } from '../kernel/ids.ts'
import { kindOf, presented } from './presented.ts'
import { newAccessToken, newApiKey, newRefreshToken } from './token-format.ts'

const key = newApiKey(systemRandom)
const token = newAccessToken(systemRandom)

const failure = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return error as { code: string; message: string; remedy: string; data: { reason: string } }
  }
  return expect.unreachable('it did not fail')
}

describe('the credential', () => {
  test.each([`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token} `, ` Bearer ${token}`])(
    'is found after the word Bearer in any spelling: %#',
    (authorization) => {
      expect(presented({ authorization })).toBe(token)
    },
  )

  test('may be an API key as bearer or in X-API-Key', () => {
    expect(presented({ authorization: `Bearer ${key}` })).toBe(key)
    expect(presented({ apiKey: ` ${key} ` })).toBe(key)
  })

  test('may be sent twice when both are the same', () => {
    expect(presented({ authorization: `Bearer ${key}`, apiKey: key })).toBe(key)
  })

  test('must be one: two different ones are refused, not chosen from', () => {
    const error = failure(() => presented({ authorization: `Bearer ${token}`, apiKey: key }))
    expect(error).toMatchObject({ code: 'bad_request', data: { reason: 'ambiguous' } })
    const empty = failure(() => presented({ authorization: `Bearer ${token}`, apiKey: '' }))
    expect(empty.code).toBe('bad_request')
  })
})

test.each([
  [{}, 'no credential'],
  [{ authorization: '' }, 'Authorization is empty'],
  [{ authorization: '   ' }, 'Authorization is empty'],
  [{ authorization: 'Bearer' }, 'nothing after it'],
  [{ authorization: 'Bearer  ' }, 'nothing after it'],
  [{ apiKey: '' }, 'X-API-Key is empty'],
])('a missing credential is said to be missing, and how to send one: %j', (credentials, words) => {
  const error = failure(() => presented(credentials))
  expect(error).toMatchObject({ code: 'token_missing', data: { reason: 'missing' } })
  expect(error.message).toContain(words)
  expect(error.remedy).toContain('X-API-Key')
})

test.each([
  [{ authorization: 'Basic dXNlcjpwYXNz' }, 'does not use the scheme Bearer'],
  [{ authorization: key }, 'lacks the word Bearer'],
  [{ authorization: '${AUTH_HEADER}' }, 'placeholder ${AUTH_HEADER}'],
  [{ authorization: `Bearer\t${token}` }, 'does not use the scheme Bearer'],
  [{ apiKey: token }, 'is an access token in the header for API keys'],
])('what cannot be a bearer says why: %#', (credentials, words) => {
  const error = failure(() => presented(credentials))
  expect(error).toMatchObject({ code: 'token_malformed', data: { reason: 'malformed' } })
  expect(error.message).toContain(words)
  expect(error.message + error.remedy).not.toContain(key)
  expect(error.message + error.remedy).not.toContain(token)
})

test('two tokens in one header are not one', () => {
  const both = presented({ authorization: `Bearer ${token}, Bearer ${key}` })
  expect(failure(() => kindOf(both)).code).toBe('token_malformed')
})

test('a refresh token is not good for calls', () => {
  expect(failure(() => kindOf(newRefreshToken(systemRandom)))).toMatchObject({
    code: 'token_malformed',
    message: expect.stringContaining('refresh token'),
  })
})

test('the form tells what it is', () => {
  expect(kindOf(token)).toBe('access')
  expect(kindOf(key)).toBe('key')
})

test('a header of spaces takes no time to speak of', () => {
  const start = process.hrtime.bigint()
  for (const authorization of [`Bearer${' '.repeat(60_000)}x`, `${' '.repeat(60_000)}x y`])
    try {
      kindOf(presented({ authorization }))
    } catch (error) {
      expect(error).toMatchObject({ code: 'token_malformed' })
    }
  expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(200)
})
