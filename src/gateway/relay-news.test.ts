// News of a server outside any call goes to whom its link belongs, at the level of log messages that they want.
import { describe, expect, it } from 'vitest'
import { serverOf } from '../../test/fixtures/link-rig.ts'
import type { Principal } from '../grants/principal.ts'
import type { LogLevel } from './log-level.ts'
import { createNotifications } from './notifications.ts'
import { createNewsRelay } from './relay-news.ts'
import type { Session, Sessions } from './sessions.ts'

const server = serverOf({ kind: 'http', url: 'https://notes.example/mcp' })
const linkFor = (affinity: string) => ({
  affinity,
  clientInfo: { name: 'mooring', version: '1' },
  capabilities: {},
})

function rig() {
  const heard: string[] = []
  const session = (name: string, logLevel: LogLevel | null) =>
    ({
      logLevel,
      stream: { send: (json: string) => heard.push(`${name} ${json}`) },
    }) as unknown as Session
  const known = new Map([
    ['loud', session('loud', null)],
    ['quiet', session('quiet', 'error')],
  ])
  const sessions = { byHash: (hash: string) => known.get(hash) ?? null } as Sessions
  const notifications = createNotifications()
  for (const id of ['usr_ada', 'usr_bob'])
    notifications.add({
      principal: { id, user: { id }, scopes: new Set(['mcp']) } as unknown as Principal,
      endpoint: { kind: 'all', path: '/mcp' },
      listChanged: () => undefined,
      resourceUpdated: (uri) => heard.push(`${id} ${uri}`),
    })
  return { heard, relay: createNewsRelay({ sessions, notifications }) }
}

describe('news of a server', () => {
  const updated = { method: 'notifications/resources/updated', params: { uri: 'notes://1' } }

  it('over the link of one person reaches nobody else; over a shared one, all who follow', () => {
    const { heard, relay } = rig()
    relay(server, linkFor('user:usr_ada'), updated)
    expect(heard.splice(0)).toEqual(['usr_ada notes://1'])
    relay(server, linkFor('shared'), updated)
    expect(heard.splice(0)).toEqual(['usr_ada notes://1', 'usr_bob notes://1'])
    relay(server, linkFor('session:gone'), updated)
    relay(server, linkFor('shared'), {
      method: 'notifications/message',
      params: { level: 'error' },
    })
    relay(server, linkFor('shared'), {
      method: 'notifications/tasks/status',
      params: { taskId: '1' },
    })
    expect(heard).toEqual([])
  })

  it('over the link of one session reaches that session, no log message below its level', () => {
    const { heard, relay } = rig()
    const log = (level: string) => ({ method: 'notifications/message', params: { level } })
    for (const name of ['loud', 'quiet'])
      for (const level of ['info', 'error']) relay(server, linkFor(`session:${name}`), log(level))
    expect(heard.map((line) => /^(\w+).*"level":"(\w+)"/.exec(line)?.slice(1).join(' '))).toEqual([
      'loud info',
      'loud error',
      'quiet error',
    ])
  })
})
