// The real side of the model: a gateway with a server behind it, people with browsers, clients with tokens.
import { randomBytes } from 'node:crypto'
import type { Gateway } from '../fixtures/gateway.ts'
import { type OauthClient, registerOauthClient } from '../fixtures/oauth-client.ts'
import { openSession, stateless } from '../fixtures/raw-client.ts'
import type { TellTale } from '../fixtures/servers/tell-tale.ts'

export interface Held {
  access: string[]
  /** By the number of the token in the reference; a reply that was lost leaves a hole. */
  refresh: (string | null)[]
  grantId: string
}

export interface World {
  gateway: Gateway
  server: TellTale
  people: Gateway['admin'][]
  clients: OauthClient[]
  held: Held[]
  /** What the server must have received. */
  sent: string[]
  restart(): Promise<void>
  crash(): Promise<void>
  /** Absent where time cannot be moved. */
  advance?: (ms: number) => void
  /** By another process on the same store. */
  revokeElsewhere(grantId: string): Promise<void>
  close(): Promise<void>
}

export const endpointOf = ({ gateway }: World) => `${gateway.url}/mcp`

/** People, clients and a permitted server: where every sequence begins. */
export async function populate(
  gateway: Gateway,
  server: TellTale,
  counts: { people: number; clients: number },
): Promise<Pick<World, 'people' | 'clients' | 'held' | 'sent'>> {
  await gateway.addServer('tale', server.url)
  const people: Gateway['admin'][] = []
  for (let i = 0; i < counts.people; i++) people.push(await gateway.addUser(`person${i}`))
  const clients: OauthClient[] = []
  for (let i = 0; i < counts.clients; i++)
    clients.push(
      await registerOauthClient(gateway.url, { redirectUri: `http://127.0.0.1:5368${i}/callback` }),
    )
  return { people, clients, held: [], sent: [] }
}

/** The code of the refusal, or null: the server has answered. */
export async function call(
  world: World,
  token: string,
  era: 'session' | 'stateless',
): Promise<string | null> {
  const note = randomBytes(9).toString('hex')
  const credential = { authorization: `Bearer ${token}` }
  const url = endpointOf(world)
  const ask = async () => {
    if (era === 'stateless')
      return stateless(url, credential, 'tools/call', { name: 'tale__echo', arguments: { note } })
    const session = await openSession(url, credential).catch((error: Error) => error)
    return session instanceof Error ? session : session.call('tale__echo', { note })
  }
  const reply = await ask()
  const text = reply instanceof Error ? reply.message : reply.text
  if (!(reply instanceof Error) && reply.message.result?.content) {
    world.sent.push(note)
    return null
  }
  return /"code":"(\w+)"/.exec(text)?.[1] ?? text
}

interface Listed {
  id: string
  client: { id: string }
  revokedAt: string | null
}

export const grantsOf = async ({ gateway }: World): Promise<Listed[]> =>
  (await gateway.govern<{ grants: Listed[] }>('GET', '/grants?revoked=true')).grants
