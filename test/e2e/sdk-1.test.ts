// The SDK client of the 1.x line, with OAuth as its own code drives it: registration, consent, refresh, revocation.
import {
  type OAuthClientProvider,
  UnauthorizedError,
} from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { type MemoryProvider, memoryProvider } from '../fixtures/memory-provider.ts'
import { openBrowser } from '../fixtures/person.ts'
import { post, rpc } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

describe('the 1.x SDK client', () => {
  let everything: Everything
  let gateway: Gateway
  beforeAll(async () => {
    everything = await startEverything({ eras: 'session' })
    gateway = await startGatewayHere()
    await gateway.addServer('everything', everything.url)
  })
  afterAll(async () => {
    await gateway?.close()
    await everything?.close()
  })

  /** Connects; when a person has to sign in, they do, and it connects again. */
  const connect = async (provider: MemoryProvider) => {
    const open = () => {
      const client = new Client({ name: 'sdk-1', version: '1' })
      const transport = new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`), {
        authProvider: provider as unknown as OAuthClientProvider,
      })
      // The 1.x types do not know exactOptionalPropertyTypes.
      const connected = client.connect(transport as Parameters<Client['connect']>[0])
      return { client, transport, connected }
    }
    const first = open()
    try {
      await first.connected
      return first.client
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error
    }
    const back = await openBrowser().authorize(provider.takeRedirect()!, gateway.admin)
    await first.transport.finishAuth(back.searchParams.get('code')!)
    const second = open()
    await second.connected
    return second.client
  }

  const echo = async (client: Client, message: string) => {
    const result = await client.callTool({ name: 'everything__echo', arguments: { message } })
    return (result.content as { text: string }[])[0]?.text
  }

  it('registers, is consented to, lists the tools and calls one', async () => {
    const provider = memoryProvider({ name: 'SDK 1' })
    const client = await connect(provider)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('everything__echo')
    expect(await echo(client, 'hello')).toBe('hello')
    await client.close()
  })

  it('refreshes a lost access token without a person', async () => {
    const provider = memoryProvider()
    const client = await connect(provider)
    const refresh = provider.refreshToken()
    provider.spoilAccessToken()
    expect(await echo(client, 'again')).toBe('again')
    expect(provider.refreshToken()).not.toBe(refresh)
    expect(provider.takeRedirect()).toBeUndefined()
    await client.close()
  })

  it('is refused at the very next request once its grant is revoked, and comes back by signing in', async () => {
    const provider = memoryProvider({ name: 'To be revoked' })
    const client = await connect(provider)
    const token = provider.accessToken()!
    await gateway.revokeGrants(provider.clientId()!)

    const raw = await post(`${gateway.url}/mcp`, rpc('ping'), { authorization: `Bearer ${token}` })
    expect(raw.status).toBe(401)
    expect(raw.headers.get('www-authenticate')).toMatch(/error="invalid_token"/)
    await expect(echo(client, 'refused')).rejects.toThrow(UnauthorizedError)
    expect(provider.takeRedirect()).toContain('/oauth/authorize')
    // Its stream would go on trying, and change the code verifier under the next sign-in.
    await client.close()

    const again = await connect(provider)
    expect(await echo(again, 'back')).toBe('back')
    await again.close()
  })

  it('never hands its token to the server behind', () => {
    const sent = everything.seen.map(({ headers }) => headers.authorization)
    expect(sent.filter((value) => value !== undefined)).toEqual([])
  })
})
