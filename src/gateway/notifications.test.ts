import { describe, expect, it } from 'vitest'
import type { Principal } from '../grants/principal.ts'
import type { Server } from '../servers/server.ts'
import { createNotifications } from './notifications.ts'

const notes: Server = {
  id: 'srv_1',
  name: 'notes',
  spec: { kind: 'http', url: 'http://127.0.0.1:1/mcp' },
  permit: 'all',
  people: null,
} as Server

const withScopes = (...scopes: string[]): Principal => ({
  id: 'key_1',
  kind: 'key',
  user: { id: 'usr_1', login: 'ada', name: 'Ada', role: 'member' },
  client: null,
  scopes: new Set(scopes),
  resource: null,
  expiresAt: null,
  eventId: 'evt_1',
})

describe('news of a resource', () => {
  it('reaches those who may read from its server, and nobody else', () => {
    const notifications = createNotifications()
    const heard: string[] = []
    for (const scope of ['mcp', 'notes:read', 'other:admin'])
      notifications.add({
        principal: withScopes(scope),
        endpoint: { kind: 'all', path: '/mcp' },
        listChanged: () => undefined,
        resourceUpdated: () => heard.push(scope),
      })
    notifications.resourceUpdated(notes, 'notes://1', { uri: 'notes://1' })
    expect(heard).toEqual(['mcp', 'notes:read'])
  })
})
