// The SDK client of the 2.x line in both protocol eras: OAuth with registration and with a metadata document, and API keys.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { type MemoryProvider, memoryProvider } from '../fixtures/memory-provider.ts'
import { openBrowser } from '../fixtures/person.ts'
import { post, rpc } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

let session: Everything
let stateless: Everything
let gateway: Gateway

beforeAll(async () => {
  session = await startEverything({ eras: 'session' })
  stateless = await startEverything({ eras: 'stateless' })
  gateway = await startGatewayHere()
  await gateway.addServer('old', session.url)
  await gateway.addServer('new', stateless.url)
})
afterAll(async () => {
  await gateway?.close()
  await session?.close()
  await stateless?.close()
})

interface Way {
  era: 'legacy' | 'auto'
  provider?: MemoryProvider
  headers?: Record<string, string>
  path?: string
}

function open({ era, provider, headers, path = '/mcp' }: Way) {
  const client = new Client(
    { name: 'sdk-2', version: '1' },
    { versionNegotiation: { mode: era }, capabilities: { elicitation: { form: {} } } },
  )
  client.setRequestHandler('elicitation/create', async () => ({
    action: 'accept',
    content: { name: 'Grace', response: 'yes', ok: true },
  }))
  const transport = new StreamableHTTPClientTransport(new URL(`${gateway.url}${path}`), {
    ...(provider && { authProvider: provider }),
    ...(headers && { requestInit: { headers } }),
  })
  return { client, transport, connected: client.connect(transport) }
}

/** Connects; when a person has to sign in, they do, and it connects again. */
async function connect(way: Way): Promise<Client> {
  const first = open(way)
  try {
    await first.connected
    return first.client
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
  }
  const back = await openBrowser().authorize(way.provider!.takeRedirect()!, gateway.admin)
  await first.transport.finishAuth(back.searchParams)
  const second = open(way)
  await second.connected
  return second.client
}

const textOf = async (client: Client, name: string, args: Record<string, unknown> = {}) => {
  const result = await client.callTool({ name, arguments: args })
  return (result.content as { text: string }[])[0]?.text
}

/** As if the gateway had fetched the document a moment ago: no test reaches the internet. */
function storeDocument(url: string, redirectUrl: string): void {
  const body = JSON.stringify({
    client_id: url,
    client_name: 'A client with a document',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  })
  const db = new DatabaseSync(join(gateway.dataDir, 'state.db'))
  db.prepare(
    'insert into client_documents (url, body, fetched_at, fresh_until) values (?, ?, ?, ?)',
  ).run(url, body, Date.now(), Date.now() + 3_600_000)
  db.close()
}

describe.each([
  { era: 'legacy' as const, version: '2025-11-25' },
  { era: 'auto' as const, version: '2026-07-28' },
])('the 2.x SDK client with $era negotiation', ({ era, version }) => {
  it('registers, is consented to, and calls tools of servers of both eras', async () => {
    const client = await connect({ era, provider: memoryProvider({ name: `SDK 2 ${era}` }) })
    expect(client.getNegotiatedProtocolVersion()).toBe(version)
    const names = (await client.listTools()).tools.map(({ name }) => name)
    expect(names).toContain('old__echo')
    expect(names).toContain('new__echo')
    expect(await textOf(client, 'old__echo', { message: 'one' })).toBe('one')
    expect(await textOf(client, 'new__echo', { message: 'two' })).toBe('two')
    await client.close()
  })

  it('answers the questions of a server of its own and of the other era', async () => {
    const client = await connect({ era, provider: memoryProvider() })
    const old = await textOf(client, 'old__test_elicitation', { message: 'Well?' })
    // A session server's question in the middle of a call has no way to a stateless client yet: the server is told so.
    expect(old).toContain(era === 'legacy' ? 'action=accept' : 'action=undefined')
    expect(await textOf(client, 'new__test_input_required_result_elicitation')).toContain('Grace')
    await client.close()
  })

  it('refreshes a lost access token without a person', async () => {
    const provider = memoryProvider()
    const client = await connect({ era, provider })
    const refresh = provider.refreshToken()
    provider.spoilAccessToken()
    expect(await textOf(client, 'old__echo', { message: 'again' })).toBe('again')
    expect(provider.refreshToken()).not.toBe(refresh)
    expect(provider.takeRedirect()).toBeUndefined()
    await client.close()
  })

  it('is refused at the very next request once its grant is revoked, and comes back by signing in', async () => {
    const provider = memoryProvider()
    const client = await connect({ era, provider })
    const token = provider.accessToken()!
    await gateway.revokeGrants(provider.clientId()!)
    const headers = { authorization: `Bearer ${token}` }
    expect((await post(`${gateway.url}/mcp`, rpc('ping'), headers)).status).toBe(401)
    await expect(textOf(client, 'old__echo', { message: 'no' })).rejects.toThrow(UnauthorizedError)
    // Its stream would go on trying, and change the code verifier under the next sign-in.
    await client.close()
    const again = await connect({ era, provider })
    expect(await textOf(again, 'old__echo', { message: 'back' })).toBe('back')
    await again.close()
  })

  it('identifies itself by its metadata document, without registering', async () => {
    const url = `https://client.example/${era}.json`
    const redirectUrl = 'https://client.example/callback'
    storeDocument(url, redirectUrl)
    const provider = memoryProvider({ clientMetadataUrl: url, redirectUrl })
    const client = await connect({ era, provider })
    expect(await textOf(client, 'old__echo', { message: 'by document' })).toBe('by document')
    expect(provider.clientId()).toBe(url)
    await client.close()
  })

  it('connects with an API key, until the key is revoked', async () => {
    const { id, key } = await gateway.createKey()
    const way = { era, headers: { authorization: `Bearer ${key}` }, path: '/s/old/mcp' }
    const client = await connect(way)
    expect(await textOf(client, 'echo', { message: 'by key' })).toBe('by key')
    await gateway.govern('POST', `/keys/${id}/revoke`)
    await expect(textOf(client, 'echo', { message: 'no' })).rejects.toThrow(/401|revoked|Unauthor/i)
  })
})
