import fc from 'fast-check'
import { expect, test } from 'vitest'
import { networkOf } from './network.ts'

test('an IPv4 address is a network of its own', () => {
  expect(networkOf('203.0.113.7')).toBe('203.0.113.7')
  expect(networkOf('203.0.113.8')).not.toBe(networkOf('203.0.113.7'))
})

test('IPv6 is cut to /64, however it is written', () => {
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
  expect(networkOf('2001:0DB8:0001:0002::1')).toBe('2001:db8:1:2::/64')
  expect(networkOf('2001:db8:1:3::1')).not.toBe(networkOf('2001:db8:1:2::1'))
})

test('IPv4 inside IPv6 is that IPv4 address', () => {
  expect(networkOf('::ffff:203.0.113.7')).toBe('203.0.113.7')
})

test('what is no address stays apart', () => {
  expect(networkOf(undefined)).toBe('unknown')
  expect(networkOf('pipe')).toBe('pipe')
})

test('the lower half of an IPv6 address never matters, the upper half always does', () => {
  const high = '2001:db8:aaaa:bbbb'
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { minLength: 4, maxLength: 4 }), (low) => {
      const address = `${high}:${low.map((group) => group.toString(16)).join(':')}`
      expect(networkOf(address)).toBe(`${high}::/64`)
    }),
  )
})
