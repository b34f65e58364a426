import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CLAUDE_CALLBACKS,
  checkRedirectUri,
  isLoopback,
  isPrivateUse,
  redirectAllowed,
  redirectHost,
} from './redirect-rules.ts'

const GOOD = [
  ...CLAUDE_CALLBACKS,
  'https://example.com',
  'https://example.com/',
  'https://example.com:8443/cb?x=1&y=%20',
  'https://xn--bcher-kva.example/cb',
  'https://vscode.dev/redirect',
  'https://chatgpt.com/connector_platform_oauth_redirect',
  'http://localhost/callback',
  'http://localhost:3118/callback',
  'http://127.0.0.1/callback',
  'http://127.0.0.1:49152/',
  'http://[::1]:8080/callback?x=y',
  'http://localhost:65535',
  'com.example.app:/callback',
  'com.example.app://oauth/callback',
  'cursor://anysphere.cursor-mcp/oauth/callback',
  'vscode://ms.mcp/cb',
  'vscode-insiders://ms.mcp/cb',
  'https://192.168.1.7/cb',
]

const BAD: [string, RegExp][] = [
  ['', /empty/],
  [`https://example.com/${'a'.repeat(2048)}`, /longer than 2048/],
  ['https://example.com/cb#', /fragment/],
  ['https://example.com/cb#frag', /fragment/],
  ['https://user@example.com/cb', /user name/],
  ['https://user:pass@example.com/cb', /user name/],
  ['https://claude.ai@evil.example/cb', /user name/],
  ['https://@evil.example/cb', /user name/],
  ['cursor://evil@host/cb', /user name/],
  ['https://claude.ai/*', /"\*"/],
  ['https://*.claude.ai/cb', /"\*"/],
  ['javascript:alert(1)', /scheme "javascript:"/],
  ['JavaScript:alert(1)', /scheme/],
  ['javascript://example.com/%0aalert(1)', /control character/],
  ['javascript://example.com/x', /scheme "javascript:"/],
  ['data:text/html,hello', /scheme "data:"/],
  ['vbscript:x', /scheme "vbscript:"/],
  ['file:///etc/passwd', /scheme "file:"/],
  ['blob:https://example.com/x', /scheme "blob:"/],
  ['about:blank', /scheme "about:"/],
  ['mailto:a@example.com', /scheme "mailto:"/],
  ['ftp://example.com/', /scheme "ftp:"/],
  ['ws://localhost/', /scheme "ws:"/],
  ['intent://x/', /scheme "intent:"/],
  ['myapp:/cb', /with a dot/],
  ['urn:ietf:wg:oauth:2.0:oob', /scheme "urn:"/],
  ['https://example.com/../cb', /"\.\."/],
  ['https://example.com/a/..', /"\.\."/],
  ['https://example.com/./cb', /"\.\."/],
  ['https://example.com/%2e%2e/cb', /"\.\."/],
  ['https://example.com/.%2E/cb', /"\.\."/],
  ['http://localhost/a/../b', /"\.\."/],
  ['com.example.app:/a/../b', /"\.\."/],
  ['https://example.com//evil.example', /"\/\/"/],
  ['https://example.com/a//b', /"\/\/"/],
  ['com.example.app:///cb//x', /"\/\/"/],
  ['https://example.com/%2f%2fevil.example', /encoded slash/],
  ['https://example.com/a%5cb', /encoded slash/],
  ['https://example.com\\@evil.example/', /backslash/],
  ['https:\\\\example.com/', /backslash/],
  ['https:/example.com/cb', /full address/],
  ['https:example.com/cb', /full address/],
  ['https://', /full address/],
  ['https:///cb', /full address/],
  ['HTTPS://example.com/cb', /full address/],
  ['https://exa mple.com/cb', /spaces/],
  ['https://example.com/c\nb', /control/],
  ['https://example.com/c\tb', /control/],
  ['\u0000https://example.com/', /control/],
  [' https://example.com/', /spaces/],
  ['https://example.com/cb ', /spaces/],
  ['https://bücher.example/cb', /non-ASCII/],
  ['https://ex\u202eample.com/cb', /non-ASCII/],
  ['https://example.com/%0d%0aSet-Cookie:x', /control character/],
  ['https://example.com/%00', /control character/],
  ['https://example.com/%zz', /"%"/],
  ['https://example.com/%', /"%"/],
  ['https://example.com/<script>', /percent-encoded/],
  ['https://ex%61mple.com/cb', /host/],
  ['https://2130706433/cb', /host/],
  ['https://claude.ai./api/mcp/auth_callback', /host/],
  ['https://claude.ai,x.evil.example/cb', /host/],
  ['https://claude.ai;sandbox/cb', /host/],
  ["https://claude.ai'.evil.example/cb", /host/],
  ['https://claude.ai&x.evil.example/cb', /host/],
  ['https://a..b.example/cb', /host/],
  ['http://localhost./cb', /host/],
  ['http://[::1%25lo]/cb', /full address/],
  ['http://[0:0:0:0:0:0:0:1]/cb', /host/],
  ['https://[::ffff:127.0.0.1]/cb', /host/],
  ['https://127.1/cb', /host/],
  ['https://0x7f.0.0.1/cb', /host/],
  ['https://example.com:/cb', /port/],
  ['https://example.com:0/cb', /port/],
  ['https://example.com:0443/cb', /port/],
  ['https://example.com:99999/cb', /full address/],
  ['http://example.com/cb', /Plain http/],
  ['http://127.0.0.2/cb', /Plain http/],
  ['http://localhost.evil.example/cb', /Plain http/],
  ['http://localhost:99999/cb', /full address/],
  ['http://LOCALHOST/cb', /Plain http/],
  ['http://0.0.0.0/cb', /Plain http/],
  ['http://[::]/cb', /Plain http/],
  ['http://[::ffff:7f00:1]/cb', /Plain http/],
  ['http://169.254.169.254/', /Plain http/],
  ['/callback', /scheme is missing/],
  ['example.com/callback', /scheme is missing/],
  ['//example.com/callback', /scheme is missing/],
  ['com.example.app:callback', /needs a path/],
  ['com.example.app:', /needs a path/],
]

describe('registering a redirect address', () => {
  it.each(GOOD)('accepts %s', (uri) => {
    expect(checkRedirectUri(uri)).toBeNull()
  })

  it.each(BAD)('refuses %j and says why', (uri, why) => {
    expect(checkRedirectUri(uri)).toMatch(why)
  })

  it('never accepts anything that a browser would run or that leaves the written host', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.webUrl(),
          fc.string(),
          fc.tuple(fc.constantFrom(...GOOD), fc.string(), fc.nat()).map(([uri, text, n]) => {
            const i = n % (uri.length + 1)
            return uri.slice(0, i) + text + uri.slice(i)
          }),
        ),
        (uri) => {
          if (checkRedirectUri(uri) !== null) return
          const url = new URL(uri)
          expect(url.hash + url.username + url.password).toBe('')
          expect(['javascript:', 'data:', 'blob:', 'file:', 'vbscript:']).not.toContain(
            url.protocol,
          )
          if (url.protocol === 'http:')
            expect(['localhost', '127.0.0.1', '[::1]']).toContain(url.hostname)
          if (/^https?:/.test(uri))
            expect(uri.slice(0, url.origin.length + 9).toLowerCase()).toContain(url.hostname)
        },
      ),
      { numRuns: 20_000 },
    )
  })
})

describe('using a registered redirect address', () => {
  it.each(GOOD)('allows %s as registered', (uri) => {
    expect(redirectAllowed([uri], uri)).toBe(true)
    expect(redirectAllowed(['https://other.example/', uri], uri)).toBe(true)
    expect(redirectAllowed([], uri)).toBe(false)
  })

  it('allows any port on the loopback hosts, also when none was registered', () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      const bare = `http://${host}/callback`
      const some = `http://${host}:3118/callback`
      const other = `http://${host}:52163/callback`
      expect(redirectAllowed([bare], other)).toBe(true)
      expect(redirectAllowed([some], other)).toBe(true)
      expect(redirectAllowed([some], bare)).toBe(true)
    }
  })

  it.each([
    ['http://localhost/callback', 'http://127.0.0.1:1234/callback'],
    ['http://127.0.0.1/callback', 'http://localhost:1234/callback'],
    ['http://127.0.0.1/callback', 'http://[::1]:1234/callback'],
    ['http://localhost/callback', 'https://localhost:1234/callback'],
    ['https://localhost:1/callback', 'https://localhost:2/callback'],
    ['http://localhost/callback', 'http://localhost:1234/callback/'],
    ['http://localhost/callback', 'http://localhost:1234/Callback'],
    ['http://localhost/callback', 'http://localhost:1234/callback?x=1'],
    ['http://localhost/callback?x=1', 'http://localhost:1234/callback?x=2'],
    ['http://localhost', 'http://localhost:1234/'],
    ['http://localhost/callback', 'http://localhost:01234/callback'],
    ['http://localhost/callback', 'http://localhost:0/callback'],
    ['http://localhost/callback', 'http://localhost:65536/callback'],
    ['http://localhost/callback', 'http://localhost:/callback'],
    ['http://localhost/callback', 'http://localhost:1234@evil.example/callback'],
    ['http://localhost/callback', 'http://localhost.evil.example:1234/callback'],
    ['http://localhost/callback', 'http://LOCALHOST:1234/callback'],
    ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback'],
    ['https://example.com/cb', 'https://example.com:443/cb'],
    ['https://example.com:443/cb', 'https://example.com/cb'],
    ['https://example.com/cb', 'https://EXAMPLE.com/cb'],
    ['https://example.com/cb', 'https://example.com/c%62'],
    ['https://example.com', 'https://example.com/'],
    ['com.example.app:/cb', 'com.example.app://cb'],
    ['cursor://host:1/cb', 'cursor://host:2/cb'],
  ])('registered %s does not allow %s', (registered, asked) => {
    expect(redirectAllowed([registered], asked)).toBe(false)
  })

  it('never allows what could not be registered, even if it somehow was', () => {
    for (const [uri] of BAD) expect(redirectAllowed([uri], uri)).toBe(false)
  })

  const printable = fc.integer({ min: 0, max: 0x7f }).map((c) => String.fromCharCode(c))
  const change = fc.record({
    n: fc.nat(),
    how: fc.constantFrom('replace', 'insert', 'remove', 'swap case'),
    by: fc.oneof(printable, fc.string({ minLength: 1, maxLength: 1, unit: 'binary' })),
  })
  const apply = (uri: string, { n, how, by }: { n: number; how: string; by: string }) => {
    const i = n % uri.length
    if (how === 'remove') return uri.slice(0, i) + uri.slice(i + 1)
    if (how === 'insert') return uri.slice(0, i) + by + uri.slice(i)
    const c = uri[i]!
    const swapped = c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()
    return uri.slice(0, i) + (how === 'replace' ? by : swapped) + uri.slice(i + 1)
  }

  it('refuses every change of one character', () => {
    const fixed = GOOD.filter((uri) => !isLoopback(uri))
    fc.assert(
      fc.property(fc.constantFrom(...fixed), change, (uri, how) => {
        const changed = apply(uri, how)
        expect(redirectAllowed([uri], changed)).toBe(changed === uri)
      }),
      { numRuns: 20_000 },
    )
  })

  it('refuses every change of one character of a loopback address outside its port', () => {
    const local = GOOD.filter(isLoopback)
    // Written a second time, by hand, so that the rule is not its own witness.
    const parts = (uri: string) => {
      const url = new URL(uri)
      return {
        port: Number(url.port || 80),
        without: uri.replace(/^(http:\/\/(?:\[::1\]|[a-z0-9.]+))(:[1-9]\d*)?/, '$1'),
      }
    }
    let portOnly = 0
    fc.assert(
      fc.property(fc.constantFrom(...local), change, (uri, how) => {
        const changed = apply(uri, how)
        if (!redirectAllowed([uri], changed)) return
        if (changed !== uri) portOnly++
        expect(parts(changed).without).toBe(parts(uri).without)
        expect(parts(changed).port).toBeLessThanOrEqual(65_535)
      }),
      { numRuns: 20_000 },
    )
    expect(portOnly).toBeGreaterThan(50)
  })

  it('refuses each single change of Claude’s callbacks, tried one by one', () => {
    for (const uri of CLAUDE_CALLBACKS)
      for (let i = 0; i <= uri.length; i++)
        for (let c = 0; c < 256; c++) {
          const by = String.fromCharCode(c)
          for (const changed of [
            uri.slice(0, i) + by + uri.slice(i),
            uri.slice(0, i) + by + uri.slice(i + 1),
          ])
            if (changed !== uri && redirectAllowed(CLAUDE_CALLBACKS, changed))
              expect.unreachable(`allowed ${JSON.stringify(changed)}`)
        }
  })
})

describe('what a person is shown', () => {
  it.each([
    ['https://claude.ai/api/mcp/auth_callback', 'claude.ai'],
    ['http://localhost:3118/callback', 'localhost'],
    ['http://[::1]:1/', '[::1]'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor:'],
    ['com.example.app:/cb', 'com.example.app:'],
    ['https://xn--80ak6aa92e.com/cb', 'xn--80ak6aa92e.com'],
    ['nonsense', ''],
  ])('%s as %s', (uri, host) => {
    expect(redirectHost(uri)).toBe(host)
  })

  it('tells loopback and installed programs from the web', () => {
    expect(isLoopback('http://localhost:1/x')).toBe(true)
    expect(isLoopback('https://localhost:1/x')).toBe(false)
    expect(isLoopback('http://127.0.0.1.evil.example/')).toBe(false)
    expect(isPrivateUse('cursor://x/y')).toBe(true)
    expect(isPrivateUse('https://x/y')).toBe(false)
  })
})
