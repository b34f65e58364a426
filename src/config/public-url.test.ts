import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isLoopbackHost, parsePublicUrl } from './public-url.ts'

describe('the public URL', () => {
  it.each([
    ['https://mcp.example.com', 'https://mcp.example.com'],
    ['https://mcp.example.com/', 'https://mcp.example.com'],
    ['HTTPS://MCP.Example.COM', 'https://mcp.example.com'],
    ['https://mcp.example.com:443', 'https://mcp.example.com'],
    ['https://mcp.example.com:8443', 'https://mcp.example.com:8443'],
    ['http://localhost:8420', 'http://localhost:8420'],
    ['http://127.0.0.1:8420/', 'http://127.0.0.1:8420'],
    ['http://127.9.9.9', 'http://127.9.9.9'],
    ['http://[::1]:8420', 'http://[::1]:8420'],
    ['http://mooring.localhost', 'http://mooring.localhost'],
    ['https://10.0.0.5', 'https://10.0.0.5'],
  ])('%s is the origin %s', (text, origin) => {
    expect(parsePublicUrl(text)).toEqual({ origin })
  })

  it.each([
    ['mcp.example.com', /no scheme; write https:\/\/mcp\.example\.com/],
    ['//mcp.example.com', /no scheme/],
    ['https://', /not a URL/],
    ['https://exa mple.com', /not a URL/],
    ['ftp://example.com', /scheme ftp/],
    ['https://example.com/mcp', /path \/mcp.*write https:\/\/example\.com$/],
    ['https://example.com/?a=1', /query or fragment/],
    ['https://example.com/?', /query or fragment/],
    ['https://example.com#top', /query or fragment/],
    ['http://example.com', /plain http.*write https:\/\/example\.com$/],
    ['http://192.168.1.5:8420', /plain http/],
    ['http://localhost.example.com', /plain http/],
    ['http://127.0.0.1.example.com', /plain http/],
  ])('%s is refused, with what to write instead', (text, problem) => {
    expect(parsePublicUrl(text).problem).toMatch(problem)
  })

  it('never repeats a password', () => {
    const { problem } = parsePublicUrl('https://anna:hunter2@example.com')
    expect(problem).toMatch(/user name or password/)
    expect(problem).not.toContain('hunter2')
  })

  it('is stable: what was accepted is accepted again as it came out', () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ['http', 'https'] }), (url) => {
        const { origin } = parsePublicUrl(url)
        if (origin !== undefined) expect(parsePublicUrl(origin)).toEqual({ origin })
      }),
    )
  })
})

describe('a loopback host', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    'a.localhost',
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    '[::1]',
    '::ffff:127.0.0.1',
  ])('is %s', (host) => {
    expect(isLoopbackHost(host)).toBe(true)
  })

  it.each(['0.0.0.0', '::', '10.0.0.1', 'localhost.com', 'notlocalhost', '128.0.0.1', ''])(
    'is not %s',
    (host) => {
      expect(isLoopbackHost(host)).toBe(false)
    },
  )
})
