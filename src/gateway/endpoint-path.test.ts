import { describe, expect, it } from 'vitest'
import { endpointOf } from './endpoint-path.ts'

describe('endpoint paths', () => {
  it.each(['/mcp', '/mcp/'])('%s is the endpoint for everything', (path) => {
    expect(endpointOf(path)).toEqual({ kind: 'all', path: '/mcp' })
  })

  it.each(['/s/notes/mcp', '/s/notes/mcp/'])('%s is the endpoint of one server', (path) => {
    expect(endpointOf(path)).toEqual({ kind: 'server', path: '/s/notes/mcp', server: 'notes' })
  })

  it.each([
    '/',
    '/MCP',
    '/mcp//',
    '/sse',
    '/s/Notes/mcp',
    '/s//mcp',
    '/s/a/b/mcp',
    '/s/notes',
    '/s/notes/mcp/x',
    '/s/%6eotes/mcp',
  ])('%s is none', (path) => {
    expect(endpointOf(path)).toBeNull()
  })
})
