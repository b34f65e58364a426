import { describe, expect, it } from 'vitest'
import { addressAllowed, addressKind, addressRules, checkUrl } from './address-rules.ts'
import { isAppError } from './app-error.ts'

const problem = (url: string, options: Parameters<typeof addressRules>[0] = {}) => {
  try {
    checkUrl(url, addressRules(options))
    return 'fine'
  } catch (error) {
    if (!isAppError(error, 'blocked_address')) throw error
    expect(error.remedy).toBeTruthy()
    return error.data?.problem
  }
}

describe('kinds of addresses', () => {
  it.each(['8.8.8.8', '160.79.104.10', '1.1.1.1', '2606:4700::1111', '2a00:1450:4001::200e'])(
    '%s is public',
    (address) => {
      expect(addressKind(address)).toBe('public')
    },
  )

  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '127.0.0.1',
    '127.255.255.254',
    '100.64.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '203.0.113.1',
    '240.0.0.1',
    '::1',
    'fc00::1',
    'fd12:3456::1',
    '2001:db8::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
  ])('%s is private', (address) => {
    expect(addressKind(address)).toBe('private')
  })

  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '169.254.170.2',
    '169.254.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'fd00:0ec2:0:0::254',
    'fd20:ce::254',
    'ff02::1',
    'fec0::1',
    '::7f00:1',
    '::127.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::ffff:0:7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a00:1',
    '2002:7f00:1::',
    '2002:a9fe:a9fe::1',
    '2001:0:7f00:1::',
    '100::1',
    '4000::1',
    '5f00::1',
    'localhost',
    '127.1',
    '0x7f000001',
    '2130706433',
    '1.2.3.4.5',
    '',
  ])('%s is never reached', (address) => {
    expect(addressKind(address)).toBe('never')
  })
})

describe('what an admin may allow', () => {
  it('a private host by name, and no other name', () => {
    const rules = addressRules({ allowPrivate: ['notes.internal'] })
    expect(addressAllowed(rules, 'notes.internal', '10.1.2.3')).toBe(true)
    expect(addressAllowed(rules, 'notes.internal', 'fd12::1')).toBe(true)
    expect(addressAllowed(rules, 'other.internal', '10.1.2.3')).toBe(false)
    expect(addressAllowed(rules, 'x.notes.internal', '10.1.2.3')).toBe(false)
  })

  it('a range, however the address is written', () => {
    const rules = addressRules({ allowPrivate: ['10.0.0.0/8', 'fd12::/16', '[::1]'] })
    expect(addressAllowed(rules, 'any', '10.1.2.3')).toBe(true)
    expect(addressAllowed(rules, 'any', '::ffff:10.1.2.3')).toBe(true)
    expect(addressAllowed(rules, 'any', 'fd12::9')).toBe(true)
    expect(addressAllowed(rules, 'any', '::1')).toBe(true)
    expect(addressAllowed(rules, 'any', '192.168.1.1')).toBe(false)
    expect(addressAllowed(rules, 'any', 'fd13::9')).toBe(false)
  })

  it.each([
    '169.254.169.254',
    'fd00:ec2::254',
    '100.100.100.200',
    '168.63.129.16',
    '::ffff:169.254.169.254',
    '0.0.0.0',
    '64:ff9b::a9fe:a9fe',
  ])('but never %s', (address) => {
    const rules = addressRules({ allowPrivate: ['0.0.0.0/0', '::/0', 'metadata', address] })
    expect(addressAllowed(rules, 'metadata', address)).toBe(false)
    const host = address.includes(':') ? `[${address}]` : address
    expect(problem(`https://${host}/`, { allowPrivate: ['0.0.0.0/0', '::/0', address] })).toBe(
      'address',
    )
  })

  it.each(['http://x', '*.internal', '10.0.0.0/33', 'a b', '', 'host:80'])(
    'refuses the entry %j',
    (entry) => {
      expect(() => addressRules({ allowPrivate: [entry] })).toThrow('no host name')
    },
  )
})

describe('URLs', () => {
  it.each([
    'https://example.com/',
    'https://example.com:443/x?y',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
  ])('%s is fine', (url) => {
    expect(problem(url)).toBe('fine')
  })

  it.each([
    ['nonsense', 'url'],
    ['', 'url'],
    ['http://example.com/', 'scheme'],
    ['ftp://example.com/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['data:text/plain,x', 'scheme'],
    ['https://user@example.com/', 'userinfo'],
    ['https://:pass@example.com/', 'userinfo'],
    ['https://example.com:8443/', 'port'],
    ['https://example.com:22/', 'port'],
    ['https://127.0.0.1/', 'address'],
    ['https://[::1]/', 'address'],
  ])('%s is refused for its %s', (url, why) => {
    expect(problem(url)).toBe(why)
  })

  it('http needs a permission of its own, for all or by name', () => {
    expect(problem('http://example.com/', { allowHttp: true })).toBe('fine')
    expect(problem('http://example.com/', { allowHttp: ['example.com'] })).toBe('fine')
    expect(problem('http://example.com./', { allowHttp: ['example.com'] })).toBe('fine')
    expect(problem('http://example.org/', { allowHttp: ['example.com'] })).toBe('scheme')
    expect(problem('http://127.0.0.1/', { allowHttp: ['127.0.0.0/8'] })).toBe('address')
    expect(problem('http://10.0.0.1/', { allowHttp: true, allowPrivate: ['10.0.0.0/8'] })).toBe(
      'fine',
    )
  })

  it('named private hosts may use any port, others the listed ones', () => {
    const allowPrivate = ['notes.internal', '10.0.0.0/8']
    expect(problem('https://notes.internal:3000/', { allowPrivate })).toBe('fine')
    expect(problem('https://10.0.0.7:3000/', { allowPrivate })).toBe('fine')
    expect(problem('https://example.com:3000/', { allowPrivate })).toBe('port')
    expect(problem('https://example.com:3000/', { ports: [443, 3000] })).toBe('fine')
    expect(problem('https://example.com:3000/', { ports: 'any' })).toBe('fine')
  })
})
