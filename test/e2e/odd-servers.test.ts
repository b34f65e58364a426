// C11b: servers with the habits that real ones have, all behind one gateway, none of which may hurt.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { root } from '../fixtures/program.ts'
import { openSession, type Session, stateless } from '../fixtures/raw-client.ts'

const HABITS = [
  'none',
  'refuses-initialize',
  'chatty',
  'ignores-end',
  'slow',
  'mute',
  'fails-lists',
  'forgets',
  'large-definition',
  'large-list',
  'recursive',
  'dotted',
  'many',
  'long',
]

interface Listed {
  name: string
  status: string
  warnings: string[]
}

let gateway: Gateway
let key: Record<string, string>
let session: Session

const addOdd = (name: string) => {
  const args = [join(root, 'test/fixtures/servers/odd/habits.ts'), name]
  const spec = { kind: 'stdio', command: process.execPath, args }
  return gateway.govern('POST', '/servers', { name, spec, permit: 'all' })
}

beforeAll(async () => {
  gateway = await startGatewayHere()
  key = { authorization: `Bearer ${(await gateway.createKey()).key}` }
  // The one that never answers is waited for, but not by the others.
  await Promise.all(HABITS.map(addOdd))
  session = await openSession(`${gateway.url}/mcp`, key)
}, 60_000)

afterAll(async () => {
  await gateway.close()
})

const toolNames = async () => {
  const { message } = await session.request('tools/list')
  return (message.result!.tools as { name: string }[]).map((tool) => tool.name)
}
const of = async (server: string) =>
  (await toolNames()).filter((name) => name.startsWith(`${server}__`))
const textOf = (answer: Awaited<ReturnType<Session['call']>>) =>
  answer.message.result?.content?.[0]?.text
const serverNamed = async (name: string) =>
  (await gateway.govern<{ servers: Listed[] }>('GET', '/servers')).servers.find(
    (server) => server.name === name,
  )!

test.each([
  ['answers server/discover and refuses initialize on the same pipe', 'refuses-initialize'],
  ['prints text and foreign JSON between its answers', 'chatty'],
  ['ignores the end of its input', 'ignores-end'],
  ['takes three seconds to start', 'slow'],
  ['fails lists that it advertises', 'fails-lists'],
])('one that %s is listed and called, in both eras', async (_habit, name) => {
  expect(await of(name)).toEqual([`${name}__echo`])
  expect(textOf(await session.call(`${name}__echo`, { n: 1 }))).toBe('echo {"n":1}')
  const params = { name: `${name}__echo`, arguments: { n: 2 } }
  expect(textOf(await stateless(`${gateway.url}/mcp`, key, 'tools/call', params))).toBe(
    'echo {"n":2}',
  )
})

test('one that never answers is missing alone, and said to be starting or to have failed', async () => {
  expect(await of('mute')).toEqual([])
  expect((await serverNamed('mute')).status).toMatch(/opening|no usable answer/)
  expect((await toolNames()).length).toBeGreaterThan(700)
})

test('a list that fails is named with its cause, for whoever looks at the servers', async () => {
  const { status, warnings } = await serverNamed('fails-lists')
  expect(status).toBe('up')
  expect(warnings.join('\n')).toMatch(
    /could not list its prompts: no prompts\/list today \(-32603\)/,
  )
  expect(warnings.join('\n')).toMatch(/could not list its resources/)
})

describe('a tool that is listed and that its server does not know', () => {
  test.each([-32601, -32602, -32603, -32000])(
    'is answered with its error %i, as it came',
    async (code) => {
      const { status, message } = await session.call('forgets__gone', { code })
      expect(status).toBe(200)
      expect(message.error).toMatchObject({ code, message: 'Unknown tool: gone' })
      expect(textOf(await session.call('forgets__echo'))).toBe('echo {}')
    },
  )

  test('is answered with its success that tells of an error', async () => {
    const answer = await session.call('forgets__gone', { code: 0 })
    expect(answer.message.result).toMatchObject({ isError: true })
    expect(textOf(answer)).toBe('Unknown tool')
  })

  test('is on the record as an error each time, and the server is not left alone for it', async () => {
    for (let i = 0; i < 6; i++) await session.call('forgets__gone', { code: -32603 })
    expect((await serverNamed('forgets')).status).toBe('up')
    const { events } = await gateway.govern<{ events: { outcome: string; serverName: string }[] }>(
      'GET',
      '/logs/workload?limit=12',
    )
    const outcomes = events.filter((e) => e.serverName === 'forgets').map((e) => e.outcome)
    expect(outcomes.filter((outcome) => outcome === 'error')).toHaveLength(6)
  })
})

test('definitions of 85 KB and a list of 2 MB arrive whole', async () => {
  const { message, text } = await session.request('tools/list')
  const tools = message.result!.tools as { name: string; description?: string }[]
  expect(tools.find((t) => t.name === 'large-definition__large')!.description).toHaveLength(
    85 * 1024,
  )
  expect(tools.filter((t) => t.name.startsWith('large-list__'))).toHaveLength(500)
  expect(text.length).toBeGreaterThan(2_000_000)
  expect(textOf(await session.call('large-list__tool_499'))).toBe('tool_499 {}')
})

test('a schema that refers to itself is checked and called; one that refers to nothing hides that tool only', async () => {
  expect(await of('recursive')).toEqual(['recursive__itself', 'recursive__tree'])
  const deep = { name: 'a', children: [{ name: 'b', children: [{ name: 'c' }] }] }
  expect(textOf(await session.call('recursive__tree', { root: deep }))).toContain('"c"')
  const wrong = { name: 'a', children: [{ name: 'b', children: [{}] }] }
  expect(textOf(await session.call('recursive__tree', { root: wrong }))).toMatch(
    /Input validation error/,
  )
  const tested = await gateway.govern<{ tools: { name: string; hidden: string | null }[] }>(
    'POST',
    '/servers/recursive/test',
  )
  const hidden = Object.fromEntries(tested.tools.map((tool) => [tool.name, tool.hidden]))
  expect(hidden).toMatchObject({
    tree: null,
    nowhere: expect.stringContaining('#/$defs/missing, which is not there'),
    abroad: expect.stringContaining('outside itself'),
  })
})

test('dotted names get stable aliases that lead back to the tool', async () => {
  const names = await of('dotted')
  expect(new Set(names).size).toBe(3)
  for (const name of names) expect(name).toMatch(/^dotted__files_read_[0-9a-z]{8}$/)
  const called = await Promise.all(names.map(async (name) => textOf(await session.call(name))))
  expect(new Set(called)).toEqual(new Set(['files read {}', 'files.read {}', 'files/read {}']))
})

test('two hundred tools are listed in one order, every time', async () => {
  const first = await toolNames()
  expect((await of('many')).length).toBe(200)
  expect(await toolNames()).toEqual(first)
  expect(textOf(await session.call('many__tool_199'))).toBe('tool_199 {}')
})

test('names that pass 64 characters in Claude Code are warned about by name, with their alias', async () => {
  const { warnings } = await serverNamed('long')
  expect(warnings[0]).toMatch(
    /long__find_very_.*mcp__mooring__.*limits\.tool-name: 50.*long__find_very_\w+_[0-9a-z]{8}/,
  )
  for (const name of await of('long')) {
    expect(name.length).toBeLessThanOrEqual(64)
    expect((await session.call(name)).message.result).toBeDefined()
  }
})

test('the one without a bad habit is not touched by the others', async () => {
  expect(await of('none')).toEqual(['none__echo'])
  expect(textOf(await session.call('none__echo'))).toBe('echo {}')
  expect((await serverNamed('none')).warnings).toEqual([])
})
