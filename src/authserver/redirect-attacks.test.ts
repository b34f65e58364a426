// Redirect addresses read as an adversary writes them (threats.md row 8): whatever is accepted is one place, the same for
// us, for a browser and for the policy of the consent page.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formTargetsOf } from '../pages/send.ts'
import { CLAUDE_CALLBACKS, checkRedirectUri, redirectAllowed } from './redirect-rules.ts'

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)
const settings = { numRuns: 20_000, seed }

const HOSTS = [
  ...['claude.ai', 'CLAUDE.ai', 'claude.ai.', 'claude%2eai', 'cl\u0430ude.ai', 'claude\u3002ai'],
  ...['\uff43laude.ai', 'claude.ai\u00ad', 'claude.ai,evil.example', 'claude.ai;evil.example'],
  ...[
    'localhost',
    'LOCALHOST',
    'localhost.',
    'localhost.evil.example',
    'local\thost',
    'localhos\u0074',
  ],
  ...[
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '0177.0.0.1',
    '2130706433',
    '127.0.0.1.',
    '127.0.0.1.evil.example',
  ],
  ...[
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::0001]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::1%25lo]',
    '[::]',
  ],
  ...[
    '0.0.0.0',
    '0',
    'xn--80ak6aa92e.com',
    'a..b',
    '',
    '-',
    '_',
    'evil.example',
    'claude.ai@evil.example',
  ],
]
const SCHEMES = [
  'https',
  'http',
  'HTTPS',
  'Http',
  'javascript',
  'data',
  'blob:https',
  'file',
  'com.example.app',
  'cursor',
  'ws',
  'view-source:https',
  '',
]
const JOINS = ['://', ':/', ':', ':\\\\', ':/\\', ':///', ':\t//', '\n://', '://\\']
const USERS = [
  '',
  '',
  '',
  '',
  'user@',
  'user:pass@',
  '@',
  'claude.ai@',
  'claude.ai%40',
  'a\\@',
  ':@',
]
const PORTS = [
  '',
  '',
  '',
  ':443',
  ':80',
  ':8080',
  ':0',
  ':00443',
  ':065535',
  ':65536',
  ':',
  ':-1',
  ':+1',
  ': 80',
  ':8080@evil.example',
  ':٣',
]
const PATHS = [
  '',
  '/',
  '/cb',
  '/a/../cb',
  '/a/%2e%2E/cb',
  '/./cb',
  '//evil.example',
  '/\\evil.example',
  '/%2f%2fevil.example',
  '/%5cevil',
  '/c%62',
  '/cb/',
  '/CB',
  '/c\tb',
  '/cb\n',
  '/%0d%0aX:y',
  '/%00',
  '/%',
  '/*',
  '/;a=b',
  '/cb%c0%af',
]
const ENDS = [
  '',
  '',
  '?',
  '?x=1',
  '?x=//evil',
  '?x=%0a',
  '#',
  '#x',
  '?#',
  '?x=\\',
  '?code=1&state=2',
]

const address = fc
  .tuple(...[SCHEMES, JOINS, USERS, HOSTS, PORTS, PATHS, ENDS].map((of) => fc.constantFrom(...of)))
  .map((parts) => parts.join(''))

describe('an address put together from the pieces that parsers disagree about', () => {
  it('is accepted only when a browser goes exactly where it is written', () => {
    let accepted = 0
    fc.assert(
      fc.property(address, (uri) => {
        if (checkRedirectUri(uri) !== null) return
        accepted++
        const url = new URL(uri)
        expect(url.username + url.password + url.hash).toBe('')
        expect(uri).toMatch(/^[\x21-\x7e]+$/)
        if (url.protocol === 'https:' || url.protocol === 'http:') {
          // Written a second time, by hand: scheme, host, port, and the rest, with nothing in between.
          const [, scheme, host, port = '', rest] =
            /^(https?):\/\/(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+)((?::[1-9]\d*)?)((?:[/?].*)?)$/.exec(
              uri,
            )!
          expect(url.protocol).toBe(`${scheme}:`)
          expect(url.hostname).toBe(host!.toLowerCase())
          expect(url.hostname.endsWith('.')).toBe(false)
          const usual = url.protocol === 'https:' ? '443' : '80'
          expect(`:${url.port || usual}`).toBe(port || `:${usual}`)
          const path = rest!.startsWith('/') ? rest! : `/${rest}`
          expect(url.pathname + (path.endsWith('?') ? '?' : url.search)).toBe(path)
          if (url.protocol === 'http:') expect(['localhost', '127.0.0.1', '[::1]']).toContain(host)
        } else expect(url.protocol).toMatch(/^(com\.example\.app|cursor):$/)
      }),
      settings,
    )
    expect(accepted).toBeGreaterThan(20)
  })

  it('is never allowed for a client that registered others, but for the port of the same loopback host', () => {
    const registered = [...CLAUDE_CALLBACKS, 'http://localhost/cb', 'http://[::1]:3118/cb?x=1']
    fc.assert(
      fc.property(address, (uri) => {
        if (!redirectAllowed(registered, uri)) return
        expect(uri).toMatch(
          /^http:\/\/(localhost(:[1-9]\d{0,4})?\/cb|\[::1\](:[1-9]\d{0,4})?\/cb\?x=1)$/,
        )
        expect(Number(new URL(uri).port || 80)).toBeLessThan(65_536)
      }),
      settings,
    )
  })

  it('puts nothing but itself into the policy of the consent page', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          address,
          fc
            .string({
              unit: fc.constantFrom(...Array.from('abc.;,\'"()!$&+=~_-@:/?%*')),
              maxLength: 12,
            })
            .map((odd) => `https://claude.ai${odd}evil.example/cb`),
        ),
        (uri) => {
          if (checkRedirectUri(uri) !== null) return
          for (const source of formTargetsOf(uri)) expect(source).toMatch(/^[a-z0-9.+:/[\]_-]+$/i)
        },
      ),
      settings,
    )
  })
})

const REWRITES: [string, (uri: string) => string][] = [
  ['an upper-case scheme', (uri) => uri.replace(/^[^:]+/, (scheme) => scheme.toUpperCase())],
  ['an upper-case host', (uri) => uri.replace(/\/\/[^/:]+/, (host) => host.toUpperCase())],
  ['a dot after the host', (uri) => uri.replace(/(\/\/[^/:]+)/, '$1.')],
  ['the usual port', (uri) => uri.replace(/(https:\/\/[^/:]+)/, '$1:443')],
  ['a user name', (uri) => uri.replace('://', '://x@')],
  ['an empty user name', (uri) => uri.replace('://', '://@')],
  ['itself as a user name', (uri) => uri.replace('://', `://${new URL(uri).hostname}@`)],
  ['backslashes', (uri) => uri.replaceAll('/', '\\')],
  ['a tab', (uri) => uri.replace('://', ':/\t/')],
  ['a new line at the end', (uri) => `${uri}\n`],
  ['a space before', (uri) => ` ${uri}`],
  ['a dot segment', (uri) => uri.replace(/([^/])\/([^/])/, '$1/./$2')],
  ['an encoded dot segment', (uri) => uri.replace(/([^/])\/([^/])/, '$1/x/%2e%2e/$2')],
  ['a double slash', (uri) => uri.replace(/([^/:])\/([^/])/, '$1//$2')],
  [
    'a percent-encoded letter',
    (uri) => uri.replace(/[a-z](?=[^a-z]*$)/, (c) => `%${c.charCodeAt(0).toString(16)}`),
  ],
  ['a slash at the end', (uri) => `${uri}/`],
  ['a question mark at the end', (uri) => `${uri}?`],
  ['a fragment', (uri) => `${uri}#`],
  ['a full-width letter', (uri) => uri.replace(/a/, '\uff41')],
  ['a soft hyphen', (uri) => uri.replace(/a/, 'a\u00ad')],
  ['port zero', (uri) => uri.replace(/(http:\/\/[^/]+?)(:\d+)?\//, '$1:0/')],
  ['a port with leading zeros', (uri) => uri.replace(/(http:\/\/[^/]+?)(:\d+)?\//, '$1:08080/')],
  ['a port beyond the last', (uri) => uri.replace(/(http:\/\/[^/]+?)(:\d+)?\//, '$1:65536/')],
]

describe('a registered address that is rewritten', () => {
  it.each(REWRITES)('with %s is not the one that was registered', (_what, rewrite) => {
    const uris = [
      ...CLAUDE_CALLBACKS,
      'http://localhost:3118/callback',
      'http://127.0.0.1/callback',
      'http://[::1]/callback',
      'cursor://anysphere.cursor-mcp/oauth/callback',
    ]
    let tried = 0
    for (const uri of uris) {
      const changed = rewrite(uri)
      if (changed === uri) continue
      tried++
      expect(redirectAllowed(uris, changed), JSON.stringify(changed)).toBe(false)
    }
    expect(tried).toBeGreaterThan(0)
  })
})
