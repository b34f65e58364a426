import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, type Question } from './decide.ts'
import { levelOf, reaches, scopesOf } from './scopes.ts'

const ask = (
  over: Partial<Question> & { permit?: 'none' | 'read-only' | 'all' } = {},
): Question => ({
  user: { id: 'usr_1' },
  scopes: new Set(['mcp']),
  server: { name: 'notes', permit: over.permit ?? 'none', people: null },
  tool: { annotations: { readOnlyHint: true } },
  ...over,
})

describe('decide', () => {
  it('asks for every tool of a server that was added without a permit', () => {
    expect(decide(ask())).toMatchObject({ effect: 'ask', rule: '--permit none on notes' })
  })

  it('permits read-only tools and asks for the others when read-only is permitted', () => {
    expect(decide(ask({ permit: 'read-only' })).effect).toBe('permit')
    expect(decide(ask({ permit: 'read-only', tool: {} }))).toMatchObject({
      effect: 'ask',
      reason: 'Only tools that notes marks as read-only run without asking.',
    })
  })

  it('permits everything when all is permitted', () => {
    expect(
      decide(ask({ permit: 'all', tool: { annotations: { destructiveHint: true } } })).effect,
    ).toBe('permit')
  })

  it('forbids a person who is not on the list of a server, whatever it permits', () => {
    const server = { name: 'notes', permit: 'all' as const, people: new Set(['usr_2']) }
    expect(decide(ask({ server }))).toMatchObject({ effect: 'forbid', rule: 'people of notes' })
    expect(decide(ask({ server: { ...server, people: new Set(['usr_1']) } })).effect).toBe('permit')
  })

  it('treats an empty list of people as nobody, never as everybody', () => {
    const server = { name: 'notes', permit: 'all' as const, people: new Set<string>() }
    expect(decide(ask({ server })).effect).toBe('forbid')
  })

  it('forbids for lack of a scope and names the one that is missing', () => {
    expect(decide(ask({ permit: 'all', scopes: new Set(['notes:read']), tool: {} }))).toMatchObject(
      {
        effect: 'forbid',
        rule: 'scope',
        missingScopes: ['notes:admin'],
      },
    )
  })

  it('lets forbid win over permit: no combination of scope and permit opens a server to an outsider', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('none', 'read-only', 'all'),
        fc.subarray(['mcp', 'notes:read', 'notes:admin']),
        fc.boolean(),
        (permit, scopes, readOnlyHint) => {
          const decision = decide({
            user: { id: 'outsider' },
            scopes: new Set(scopes),
            server: {
              name: 'notes',
              permit: permit as 'none' | 'read-only' | 'all',
              people: new Set(['usr_1']),
            },
            tool: { annotations: { readOnlyHint } },
          })
          return decision.effect === 'forbid'
        },
      ),
    )
  })

  it('permits reading prompts and resources with the narrowest scope', () => {
    const { tool: _, ...reading } = ask({ scopes: new Set(['notes:read']) })
    expect(decide(reading).effect).toBe('permit')
    expect(decide({ ...reading, scopes: new Set(['other:admin']) }).effect).toBe('forbid')
  })
})

describe('scopes', () => {
  it('lists mcp and three levels per server in a fixed order', () => {
    expect(scopesOf(['b', 'a'])).toEqual([
      'mcp',
      'a:read',
      'a:write',
      'a:admin',
      'b:read',
      'b:write',
      'b:admin',
    ])
  })

  it('lets broader scopes imply narrower ones, and never the reverse', () => {
    expect(reaches(new Set(['a:admin']), 'a', 'read')).toBe(true)
    expect(reaches(new Set(['a:write']), 'a', 'read')).toBe(true)
    expect(reaches(new Set(['a:write']), 'a', 'admin')).toBe(false)
    expect(reaches(new Set(['a:read']), 'a', 'write')).toBe(false)
    expect(reaches(new Set(['a:admin']), 'b', 'read')).toBe(false)
    expect(reaches(new Set(['mcp']), 'b', 'admin')).toBe(true)
  })

  it('takes a tool without annotations for destructive, as the specification does', () => {
    expect(levelOf(undefined)).toBe('admin')
    expect(levelOf({})).toBe('admin')
    expect(levelOf({ destructiveHint: false })).toBe('write')
    expect(levelOf({ readOnlyHint: true, destructiveHint: true })).toBe('read')
    expect(levelOf({ readOnlyHint: 'yes' })).toBe('admin')
  })
})
