import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { emptyFolders } from '../../test/fixtures/command.ts'
import type { Context } from './context.ts'
import { collect, commaList, pointInTime, secretPairs, wholeNumber } from './option-values.ts'

const folder = emptyFolders()

/** As much of a context as values of options ask for. */
const context = (cwd: string, env: Record<string, string> = {}) => ({ io: { cwd, env } }) as Context

describe('a value with a secret in it', () => {
  it('is taken as typed, from a file or from a variable', () => {
    const { path } = folder()
    writeFileSync(join(path, 'token'), 'from file\n')
    const ctx = context(path, { TOKEN: 'from env' })
    const given = [
      'X-A: typed',
      'X-B:@token',
      'X-C: env:TOKEN',
      'Authorization: Bearer env:TOKEN',
      'X-D: Bearer @token',
      'X-E: a:b:c',
      'X-F:',
    ]
    expect(secretPairs(ctx, '--header', ':', given)).toEqual({
      'X-A': 'typed',
      'X-B': 'from file',
      'X-C': 'from env',
      Authorization: 'Bearer from env',
      'X-D': 'Bearer from file',
      'X-E': 'a:b:c',
      'X-F': '',
    })
  })

  it('may contain the separator again', () => {
    expect(secretPairs(context('/'), '--env', '=', ['A=b=c', 'D=x@y'])).toEqual({
      A: 'b=c',
      D: 'x@y',
    })
  })

  it('needs a name', () => {
    expect(() => secretPairs(context('/'), '--env', '=', ['=x'])).toThrow(/--env needs a name/)
  })
})

describe('lists and numbers', () => {
  it('come from repetition or commas', () => {
    expect(collect('b', collect('a'))).toEqual(['a', 'b'])
    expect(commaList('anna, ben,,')).toEqual(['anna', 'ben'])
  })

  it('numbers are whole and at least 1', () => {
    expect(wholeNumber('25')).toBe(25)
    for (const text of ['0', '-1', '1.5', 'x', '']) expect(() => wholeNumber(text)).toThrow()
  })
})

describe('a point in time', () => {
  const now = Date.UTC(2026, 10, 21, 12)

  it.each([
    ['1h', now - 3_600_000],
    ['90s', now - 90_000],
    ['2d', now - 2 * 86_400_000],
    ['2026-11-20T00:00:00Z', Date.UTC(2026, 10, 20)],
    ['2026-11-20', Date.UTC(2026, 10, 20)],
  ])('%s', (text, at) => {
    expect(pointInTime('--since', text, now)).toBe(at)
  })

  it.each(['', 'yesterday', '5', '2026-13-40', '1 hour'])('"%s" is none', (text) => {
    expect(() => pointInTime('--since', text, now)).toThrow(/neither a duration nor a date/)
  })
})
