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
})
