import { describe, expect, it } from 'vitest'
import { masked } from './mask.ts'

const json = (text: string) => {
  try {
    return JSON.parse(text) as string
  } catch (error) {
    return (error as Error).message
  }
}

describe('a text for a log', () => {
  it.each([
    'key mk_0123456789abcdef0123456789abcdef is used',
    'Authorization: Bearer s3cr3t-t0k3n refused',
    'authorization: basic czNjcjN0LXQwazNu',
    'cannot reach postgres://mooring:s3cr3t-t0k3n@db/mooring',
    'GET https://x.example/mcp?key=s3cr3t-t0k3n&b=2 failed',
    json('{"a": s3cr3t-t0k3n}'),
    json('s3cr3t-t0k3n'),
    json('{"password":"s3cr3t-t0k3n" "b"}'),
  ])('is without the credential: %s', (text) => {
    expect(masked(text)).not.toMatch(/s3cr|t0k3n|czNj|456789ab/)
    expect(masked(text).length).toBeGreaterThan(8)
  })

  it('is otherwise as it was', () => {
    const plain = 'tale answered HTTP 500 at http://127.0.0.1:80/mcp: Bearer realm="x", 3 of 4?'
    expect(masked(plain)).toBe(plain)
  })
})
