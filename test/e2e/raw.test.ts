// Single requests as curl would send them: what a person sees who debugs a connection by hand.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { callOf, openSession, post, rpc, stateless } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

let everything: Everything
let gateway: Gateway
let key: Record<string, string>
let endpoint: string

beforeAll(async () => {
  everything = await startEverything()
  gateway = await startGatewayHere()
  await gateway.addServer('everything', everything.url)
  key = { 'x-api-key': (await gateway.createKey()).key }
  endpoint = `${gateway.url}/mcp`
})
afterAll(async () => {
  await gateway?.close()
  await everything?.close()
})

const json = async (url: string) => (await fetch(url)).json() as Promise<Record<string, unknown>>

describe('the endpoint', () => {
  it('answers at /mcp and /mcp/ alike, without a redirect', async () => {
    for (const path of ['/mcp', '/mcp/']) {
      const session = await openSession(`${gateway.url}${path}`, key)
      const { message } = await session.call('everything__echo', { message: path })
      expect(message.result?.content?.[0]?.text).toBe(path)
    }
  })

  it.each(['/', '/MCP', '/sse', '/s/nothing/mcp'])(
    'answers a POST to %s with 404 JSON that names a right URL',
    async (path) => {
      const reply = await post(`${gateway.url}${path}`, rpc('ping'), key)
      expect(reply.status).toBe(404)
      expect(reply.headers.get('content-type')).toMatch(/json/)
      expect(reply.text).toContain('/mcp')
    },
  )

  it('refuses a foreign Origin, and a credential in the query', async () => {
    const foreign = { ...key, origin: 'https://evil.example' }
    expect((await post(endpoint, rpc('ping'), foreign)).status).toBe(403)
    const query = await post(`${endpoint}?api_key=${key['x-api-key']}`, rpc('ping'))
    expect(query.status).toBe(401)
  })

  it('serves one server under its own tool names at /s/NAME/mcp', async () => {
    const session = await openSession(`${gateway.url}/s/everything/mcp`, key)
    const { message } = await session.request('tools/list')
    const names = (message.result!.tools as { name: string }[]).map(({ name }) => name)
    expect(names).toContain('echo')
    expect(names).not.toContain('everything__echo')
  })

  it('answers stateless requests on the same URL', async () => {
    const params = { name: 'everything__echo', arguments: { message: 'bare' } }
    const reply = await stateless(endpoint, key, 'tools/call', params, 'abc')
    expect(reply.status, reply.text).toBe(200)
    expect(reply.message.id).toBe('abc')
    expect(reply.message.result?.content?.[0]?.text).toBe('bare')
    expect(reply.message.result?.resultType).toBe('complete')
  })
})

describe('the challenge', () => {
  it('leads from a 401 to the resource, to its authorization server, to its endpoints', async () => {
    for (const path of ['/mcp', '/mcp/', '/s/everything/mcp']) {
      const url = `${gateway.url}${path}`
      const reply = await post(url, rpc('ping'))
      expect(reply.status).toBe(401)
      const challenge = reply.headers.get('www-authenticate') ?? ''
      expect(challenge).toMatch(/^Bearer .*scope="mcp", error="\w+", error_description="[^"]+"/)
      expect(challenge).not.toContain('offline_access')
      const resource = await json(/resource_metadata="([^"]+)"/.exec(challenge)![1]!)
      expect(resource.resource).toBe(url)
      const [issuer] = resource.authorization_servers as string[]
      const server = await json(`${issuer}/.well-known/oauth-authorization-server`)
      expect(server.issuer).toBe(issuer)
      expect(server.code_challenge_methods_supported).toEqual(['S256'])
      expect(resource.scopes_supported).not.toContain('offline_access')
    }
  })

  it('names /mcp in the root document', async () => {
    const root = await json(`${gateway.url}/.well-known/oauth-protected-resource`)
    expect(root.resource).toBe(endpoint)
  })

  it('gives a different reason for each bad credential', async () => {
    const { id, key: gone } = await gateway.createKey()
    await gateway.govern('POST', `/keys/${id}/revoke`)
    const { key: narrow } = await gateway.createKey({ resource: '/s/everything/mcp' })
    const ask = async (value: string) => {
      const { status, headers, text } = await post(endpoint, rpc('ping'), {
        authorization: `Bearer ${value}`,
      })
      expect(headers.get('www-authenticate')).toMatch(/resource_metadata=/)
      return `${status} ${text}`
    }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what an unexpanded variable looks like
    const malformed = await ask('${MOORING_KEY}')
    expect(malformed).toMatch(/^401 .*token_malformed/)
    expect(await ask('not a token at all')).toMatch(/^401 .*token_malformed/)
    expect(await ask(gone)).toMatch(/^401 .*token_revoked/)
    expect(await ask(narrow)).toMatch(/^401 .*token_wrong_resource/)
    expect((await post(endpoint, rpc('ping'))).text).toMatch(/token_missing/)
  })
})

describe('a key that is revoked', () => {
  it('is refused at the very next request, in both eras and in an open session', async () => {
    const { id, key: value } = await gateway.createKey()
    const mine = { 'x-api-key': value }
    const session = await openSession(endpoint, mine)
    expect((await session.call('everything__echo', { message: 'x' })).status).toBe(200)
    await gateway.govern('POST', `/keys/${id}/revoke`)
    expect((await session.call('everything__echo', { message: 'x' })).status).toBe(401)
    expect((await stateless(endpoint, mine, 'tools/list')).status).toBe(401)
    expect((await post(endpoint, callOf('everything__echo'), mine)).status).toBe(401)
  })

  it('leaves the other keys of the same person alone', async () => {
    const session = await openSession(endpoint, key)
    const { message } = await session.call('everything__echo', { message: 'still here' })
    expect(message.result?.content?.[0]?.text).toBe('still here')
  })
})

describe('the client and the server behind', () => {
  it('never meet: no credential of the client reaches the server', () => {
    const sent = JSON.stringify(everything.seen)
    expect(sent).not.toContain(key['x-api-key'])
    expect(everything.seen.length).toBeGreaterThan(0)
  })
})
