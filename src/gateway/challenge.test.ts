import { describe, expect, it } from 'vitest'
import { AppError } from '../kernel/app-error.ts'
import { challenge } from './challenge.ts'
import { endpointOf } from './endpoint-path.ts'

const context = (typedPath: string) => ({
  origin: 'https://tools.example',
  endpoint: endpointOf(typedPath)!,
  typedPath,
})
const missing = new AppError('token_missing', 'The request carries no credential.')

describe('the challenge of a 401', () => {
  it.each(['/mcp', '/mcp/', '/s/notes/mcp', '/s/notes/mcp/'])(
    'names the metadata of exactly the URL typed: %s',
    (path) => {
      expect(challenge(missing, context(path))).toContain(
        `resource_metadata="https://tools.example/.well-known/oauth-protected-resource${path}"`,
      )
    },
  )

  it('carries scope, error and description', () => {
    const header = challenge(missing, context('/mcp'))
    expect(header).toMatch(/^Bearer resource_metadata=/)
    expect(header).toContain('scope="mcp"')
    expect(header).toContain('error="invalid_token"')
    expect(header).toContain('error_description="The request carries no credential."')
  })

  it('names the scopes that a call needs', () => {
    const error = new AppError('insufficient_scope', 'The token lacks the scope notes:write.')
    const header = challenge(error, context('/mcp'), ['notes:write'])
    expect(header).toContain('error="insufficient_scope"')
    expect(header).toContain('scope="notes:write"')
  })

  it('never lets a message break out of its quotes', () => {
    const header = challenge(
      new AppError('token_unknown', 'a "b"\r\nSet-Cookie: x=1 \\ é'),
      context('/mcp'),
    )
    expect(header).not.toMatch(/[\r\n\\é]/)
    expect(header.split('"')).toHaveLength(9)
  })

  it('never asks for offline_access', () => {
    expect(challenge(missing, context('/mcp'))).not.toContain('offline_access')
  })
})
