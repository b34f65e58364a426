import { describe, expect, it } from 'vitest'
import { createHosts } from './hosts.ts'
import { wrongPath } from './wrong-path.ts'

const hosts = (over: Partial<Parameters<typeof createHosts>[0]> = {}) =>
  createHosts({
    publicOrigin: () => 'https://tools.example',
    listening: () => ({ host: '127.0.0.1', port: 8420 }),
    allowedOrigins: ['https://app.example'],
    ...over,
  })

describe('the Host header', () => {
  it.each(['tools.example', 'TOOLS.example', 'localhost:8420', '127.0.0.1:8420', '[::1]:8420'])(
    '%s is ours',
    (host) => {
      expect(() => hosts().check(host)).not.toThrow()
    },
  )

  it.each([
    undefined,
    '',
    'evil.example',
    'tools.example.evil.example',
    'tools.example:8420',
    'localhost',
    'localhost:8421',
    'tools.example@evil.example',
    '127.1:8420',
  ])('%s is refused with the right address', (host) => {
    expect(() => hosts().check(host)).toThrow(/This gateway is not/)
  })

  it('is not taken from loopback when another address is listened on', () => {
    const lan = hosts({ listening: () => ({ host: '10.0.0.5', port: 8420 }) })
    expect(() => lan.check('10.0.0.5:8420')).not.toThrow()
    expect(() => lan.check('localhost:8420')).toThrow()
  })

  it('follows the public URL when that changes', () => {
    let origin = 'https://old.example'
    const live = hosts({ publicOrigin: () => origin })
    origin = 'https://new.example'
    expect(() => live.check('new.example')).not.toThrow()
    expect(() => live.check('old.example')).toThrow()
  })
})

describe('the Origin header', () => {
  it.each([
    ['https://tools.example', true],
    ['https://app.example', true],
    ['http://localhost:8420', true],
    ['http://localhost:3000', false],
    ['https://localhost:8420', false],
    ['http://tools.example', false],
    ['https://app.example.evil.example', false],
    ['null', false],
  ])('%s → %s', (origin, allowed) => {
    expect(hosts().originAllowed(origin)).toBe(allowed)
  })
})

describe('a wrong path', () => {
  it.each([
    ['POST', '/', '/mcp'],
    ['POST', '/MCP', '/mcp'],
    ['GET', '/sse', '/mcp'],
    ['POST', '/mcp/sse', '/mcp'],
    ['POST', '/s/notes', '/s/notes/mcp'],
    ['POST', '/servers/Notes/mcp', '/s/notes/mcp'],
    ['POST', '/api/mcp', '/mcp'],
  ])('%s %s names %s', (method, path, right) => {
    const error = wrongPath(method, path, 'https://tools.example')
    expect(error.status).toBe(404)
    expect(error.remedy).toBe(`The MCP endpoint is https://tools.example${right}.`)
  })
})
