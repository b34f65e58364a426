import { expect, it } from 'vitest'
import { signInCookie } from './cookies.ts'

const BOTH = 'mooring=planted; __Host-mooring=own'

it('takes only the prefixed sign-in cookie on https, which no sibling host can plant', () => {
  expect(signInCookie(BOTH, 'https://tools.example')).toBe('own')
  expect(signInCookie('mooring=planted', 'https://tools.example')).toBeUndefined()
})

it('takes the plain one on http, where the prefix cannot exist', () => {
  expect(signInCookie(BOTH, 'http://127.0.0.1:8420')).toBe('planted')
  expect(signInCookie(undefined, 'http://127.0.0.1:8420')).toBeUndefined()
})
