import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

describe('a duration', () => {
  it.each([
    ['90', 90],
    ['90s', 90],
    ['15m', 900],
    ['1.5h', 5400],
    ['1h30m', 5400],
    ['30d', 2_592_000],
    ['2w', 1_209_600],
    ['0', 0],
  ])('%s is %i seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  it.each(['', 'm', '15 m', '-5m', '15min', '1h 30m', '5m!', '1e3s', 'forever'])(
    '"%s" is none',
    (text) => {
      expect(parseDuration(text)).toBeNull()
    },
  )

  it('survives being formatted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 * 86_400 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds)
      }),
    )
    expect(formatDuration(900)).toBe('15m')
    expect(formatDuration(0)).toBe('0s')
  })
})

describe('a size', () => {
  it.each([
    ['100', 100],
    ['100b', 100],
    ['4MB', 4_000_000],
    ['4mb', 4_000_000],
    ['4 MB', 4_000_000],
    ['4MiB', 4_194_304],
    ['1.5KiB', 1536],
    ['1GB', 1_000_000_000],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it.each(['', 'MB', '4M', '4TB', '-1MB', '4MBs', '4.MB'])('"%s" is none', (text) => {
    expect(parseSize(text)).toBeNull()
  })

  it('survives being formatted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes)
      }),
    )
  })
})
