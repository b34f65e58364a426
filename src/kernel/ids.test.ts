import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { base32, idsFrom, systemRandom } from './ids.ts'

describe('ids', () => {
  it('name their kind and carry 128 random bits', () => {
    const newId = idsFrom(() => Buffer.alloc(4096, 0xff))
    expect(newId('usr')).toBe(`usr_${'z'.repeat(25)}w`)
    expect(idsFrom(systemRandom)('evt')).toMatch(/^evt_[0-9a-hjkmnp-tv-z]{26}$/)
  })

  it('never repeat, across draws of the pool', () => {
    let draws = 0
    const newId = idsFrom((bytes) => {
      draws++
      return randomBytes(bytes)
    })
    const ids = new Set(Array.from({ length: 2000 }, () => newId('req')))
    expect(ids.size).toBe(2000)
    expect(draws).toBeGreaterThan(1)
  })
})

describe('base32', () => {
  it.each([
    [[], ''],
    [[0], '00'],
    [[0xff], 'zw'],
    [[0xff, 0xff, 0xff, 0xff, 0xff], 'zzzzzzzz'],
    [[0x12, 0x34, 0x56], '28t5c'],
  ])('%j → %s', (bytes, text) => {
    expect(base32(Uint8Array.from(bytes))).toBe(text)
  })
})
