// Prompts, resources and completion on the endpoint of all servers, from clients of both eras to servers of both eras.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { type Answer, openSession, stateless } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

let old: Everything
let modern: Everything
let gateway: Gateway
let credential: Record<string, string>

beforeAll(async () => {
  old = await startEverything({ eras: 'session' })
  modern = await startEverything({ eras: 'stateless' })
  gateway = await startGatewayHere({ demo: true })
  await gateway.addServer('old', old.url)
  await gateway.addServer('new', modern.url)
  credential = { 'x-api-key': (await gateway.createKey()).key }
})
afterAll(async () => {
  await gateway?.close()
  await old?.close()
  await modern?.close()
})

type Ask = (
  method: string,
  params?: { name?: string; uri?: string } & Record<string, unknown>,
) => Promise<Answer>

async function askerOf(era: 'session' | 'stateless'): Promise<Ask> {
  const url = `${gateway.url}/mcp`
  if (era === 'stateless') return (method, params) => stateless(url, credential, method, params)
  const session = await openSession(url, credential)
  return (method, params) => session.request(method, params)
}

const listed = ({ message }: Answer, member: string, key: string) =>
  (message.result![member] as Record<string, unknown>[]).map((entry) => entry[key])

describe.each(['session', 'stateless'] as const)('a %s client on /mcp', (era) => {
  it('lists the prompts of all servers under public names, and gets each from its own server', async () => {
    const ask = await askerOf(era)
    const names = listed(await ask('prompts/list'), 'prompts', 'name')
    expect(names).toEqual(
      expect.arrayContaining(['demo__greet', 'old__test_simple_prompt', 'new__test_simple_prompt']),
    )
    for (const name of ['old__test_simple_prompt', 'new__test_simple_prompt']) {
      const { message, text } = await ask('prompts/get', { name })
      expect(message.result?.messages, text).toHaveLength(1)
    }
    const greeting = await ask('prompts/get', { name: 'demo__greet', arguments: { name: 'Ada' } })
    expect(greeting.text).toContain('Ada')
  })

  it('lists and reads resources, of the first server that offers an address, and by template', async () => {
    const ask = await askerOf(era)
    const uris = listed(await ask('resources/list'), 'resources', 'uri') as string[]
    expect(uris).toContain('test://static-text')
    expect(new Set(uris).size).toBe(uris.length)
    const own = uris.find((uri) => !uri.startsWith('test://'))!
    for (const uri of ['test://static-text', own]) {
      const { message, text } = await ask('resources/read', { uri })
      expect((message.result!.contents as { uri: string }[])[0]?.uri, text).toBe(uri)
    }
    expect(
      listed(await ask('resources/templates/list'), 'resourceTemplates', 'uriTemplate'),
    ).toContain('test://template/{id}/data')
    expect((await ask('resources/read', { uri: 'test://template/42/data' })).text).toContain('42')
    const missing = await ask('resources/read', { uri: 'nothing://here' })
    expect(missing.message.error).toMatchObject({ code: -32602, data: { uri: 'nothing://here' } })
  })

  it('completes an argument of a prompt and of a template', async () => {
    const ask = await askerOf(era)
    const argument = { name: 'arg1', value: 'a' }
    for (const ref of [
      { type: 'ref/prompt', name: 'old__test_prompt_with_arguments' },
      { type: 'ref/prompt', name: 'new__test_prompt_with_arguments' },
      { type: 'ref/resource', uri: 'test://template/{id}/data' },
    ]) {
      const { message, text } = await ask('completion/complete', { ref, argument })
      expect(
        (message.result?.completion as { values: string[] } | undefined)?.values,
        text,
      ).toBeInstanceOf(Array)
    }
  })

  it('is told which method or prompt does not exist', async () => {
    const ask = await askerOf(era)
    const unknown = await ask('no/such/method')
    expect(unknown.message.error?.code).toBe(-32601)
    expect(unknown.status).toBe(era === 'stateless' ? 404 : 200)
    expect((await ask('prompts/get', { name: 'old__nothing' })).message.error?.code).toBe(-32602)
  })
})
