import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { clientAddress } from './client-address.ts'

const request = (peer: string, forwarded?: string) =>
  ({
    socket: { remoteAddress: peer },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage

describe('where a request came from', () => {
  it('is the socket when no proxy is trusted, whatever the header says', () => {
    expect(clientAddress([])(request('203.0.113.5', '198.51.100.1'))).toBe('203.0.113.5')
  })

  it('is the socket when the peer is not the trusted proxy', () => {
    expect(clientAddress(['10.0.0.1'])(request('203.0.113.5', '198.51.100.1'))).toBe('203.0.113.5')
  })

  it('is the last address that is not a proxy of ours, so a forged first entry is worth nothing', () => {
    const address = clientAddress(['10.0.0.0/8', '127.0.0.1'])
    expect(address(request('127.0.0.1', '6.6.6.6, 198.51.100.1, 10.1.2.3'))).toBe('198.51.100.1')
  })

  it('is the proxy itself when it says nothing usable', () => {
    expect(clientAddress(['127.0.0.1'])(request('::ffff:127.0.0.1', 'unknown, <script>'))).toBe(
      '127.0.0.1',
    )
  })

  it('understands IPv6 and mapped IPv4', () => {
    expect(clientAddress(['::1'])(request('::1', '2001:db8::7'))).toBe('2001:db8::7')
    expect(clientAddress([])(request('::ffff:203.0.113.5'))).toBe('203.0.113.5')
  })

  const trusting = clientAddress(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])
  it.each([
    ['6.6.6.6, 198.51.100.1:4711', '198.51.100.1'],
    ['6.6.6.6, [2001:db8::7]:4711', '2001:db8::7'],
    ['6.6.6.6, [2001:DB8:0::7]', '2001:db8::7'],
    ['6.6.6.6, ::ffff:198.51.100.1', '198.51.100.1'],
    ['6.6.6.6,198.51.100.1,,', '127.0.0.1'],
    ['6.6.6.6, unknown', '127.0.0.1'],
    ['6.6.6.6, unknown, 10.0.0.3', '10.0.0.3'],
    ['6.6.6.6, 1', '127.0.0.1'],
    ['6.6.6.6, 127.1', '127.0.0.1'],
    ['6.6.6.6, 0x0a000001', '127.0.0.1'],
    ['6.6.6.6, 198.51.100.01', '127.0.0.1'],
    ['10.0.0.1, fd00::1, 127.0.0.1', '10.0.0.1'],
    ['', '127.0.0.1'],
    [' , ', '127.0.0.1'],
  ])('of "%s" is %s: what stands left of anything unreadable is a claim', (forwarded, address) => {
    expect(trusting(request('127.0.0.1', forwarded))).toBe(address)
  })

  it('is found without reading a long forged chain', () => {
    const chain = `${'6.6.6.6,'.repeat(100_000)}198.51.100.1`
    const began = performance.now()
    for (let i = 0; i < 100; i++) trusting(request('127.0.0.1', chain))
    expect(trusting(request('127.0.0.1', chain))).toBe('198.51.100.1')
    expect(performance.now() - began).toBeLessThan(1000)
  })
})
