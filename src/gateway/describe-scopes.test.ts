import { describe, expect, it } from 'vitest'
import type { Catalog, ToolEntry } from '../catalog/catalog.ts'
import type { Server } from '../servers/server.ts'
import { describeScopes } from './describe-scopes.ts'
import type { Views } from './views.ts'

const tool = (annotations: object, hidden: string | null = null) =>
  ({ definition: { annotations }, hidden }) as unknown as ToolEntry

const server = (name: string, over: Partial<Server> = {}): Server => ({
  id: `srv_${name}`,
  name,
  spec: { kind: 'builtin', program: 'demo' },
  permit: 'read-only',
  people: null,
  owner: 'admin',
  revision: 1,
  ...over,
})

function views(entries: [Server, ToolEntry[]][]): Views {
  return {
    servers: entries.map(([of]) => of),
    catalog: ({ id }: Server) => {
      const tools = entries.find(([of]) => of.id === id)?.[1] ?? []
      return {
        tools: new Map(tools.map((entry, i) => [`${id.slice(4)}_${i}`, entry])),
      } as unknown as Catalog
    },
  } as unknown as Views
}

const READ = { readOnlyHint: true }
const WRITE = { destructiveHint: false }
const all = views([
  [server('notes'), [tool(READ), tool(READ), tool(WRITE), tool(READ, 'invalid schema')]],
  [server('mail', { permit: 'none' }), [tool(READ)]],
  [server('secret', { people: new Set(['usr_2']) }), [tool(READ)]],
])
const describeFor = (scopes: string[], serverName: string | null = null, userId = 'usr_1') =>
  describeScopes(all, { userId, serverName, scopes })

describe('scopes on the consent page', () => {
  it('count what runs and what asks, for this person, without hidden tools and foreign servers', () => {
    expect(describeFor(['mcp'])).toEqual([
      {
        name: 'mcp',
        title: 'Use your tools',
        description:
          '2 tools of 2 servers run without asking, 2 ask first: notes_0, notes_1, notes_2, mail_0.',
        required: true,
      },
    ])
    expect(describeFor(['mcp'], null, 'usr_2')[0]?.description).toBe(
      '3 tools of 3 servers run without asking, 2 ask first: notes_0, notes_1, notes_2, mail_0, secret_0.',
    )
  })

  it('show mcp alone when it is asked for, because it implies the others', () => {
    expect(describeFor(['mcp', 'notes:read', 'notes:admin']).map(({ name }) => name)).toEqual([
      'mcp',
    ])
  })

  it('are choices when only parts are asked for', () => {
    expect(describeFor(['notes:read', 'mail:write'])).toEqual([
      {
        name: 'notes:read',
        title: 'Read from notes',
        description: '2 tools run without asking: notes_0, notes_1.',
        required: false,
      },
      {
        name: 'mail:write',
        title: 'Write to mail',
        description: '1 tool asks first: mail_0.',
        required: false,
      },
    ])
  })

  it('speak of one server on its own endpoint', () => {
    expect(describeFor(['mcp'], 'mail')[0]).toMatchObject({
      title: 'Use the tools of mail',
      description: '1 tool of 1 server asks first: mail_0.',
    })
  })

  it('name the first of many tools, and say how many more there are', () => {
    const many = views([[server('big'), Array.from({ length: 9 }, () => tool(READ))]])
    const question = { userId: 'usr_1', serverName: null, scopes: ['big:read'] }
    expect(describeScopes(many, question)[0]?.description).toBe(
      '9 tools run without asking: big_0, big_1, big_2, big_3, big_4, big_5 and 3 more.',
    )
  })

  it('say so when there is nothing behind a scope', () => {
    expect(describeFor(['gone:read'])[0]?.description).toBe('No tools yet.')
  })
})
