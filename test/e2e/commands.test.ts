// Attack 19: which program runs is what an admin wrote down, word for word, and nothing else starts one. SEED=… repeats.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { processesWith } from '../fixtures/processes.ts'
import { root } from '../fixtures/program.ts'
import { openSession, post, type Session } from '../fixtures/raw-client.ts'
import { seeded } from '../fixtures/seeded.ts'

const { seed, below } = seeded()
console.log(`SEED=${seed}`)

let gateway: Gateway
let key: Record<string, string>
let session: Session
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mooring-commands-'))
  gateway = await startGatewayHere()
  key = { authorization: `Bearer ${(await gateway.createKey()).key}` }
  session = await openSession(`${gateway.url}/mcp`, key)
})
afterAll(async () => {
  await gateway.close()
  rmSync(folder, { recursive: true, force: true })
})

const script = join(root, 'test/fixtures/servers/odd/hostile.ts')
const names = async () =>
  (await gateway.govern<{ servers: { name: string }[] }>('GET', '/servers')).servers.map(
    (s) => s.name,
  )

test('shell characters in a command are words of it: they arrive as they were written', async () => {
  const file = join(folder, 'made')
  const words = [
    `$(touch ${file})`,
    `; touch ${file}`,
    '`id`',
    '| cat',
    '&& true',
    '> x',
    '* ? ~',
    '%PATH%',
    '"\'\\',
    '',
    '--',
    '-e',
    '\n',
    '😀',
  ]
  const spec = { kind: 'stdio', command: process.execPath, args: [script, ...words] }
  await gateway.govern('POST', '/servers', { name: 'words', spec, permit: 'all' })
  const { message } = await session.call('words__where')
  const { argv } = JSON.parse(message.result!.content![0]!.text!) as { argv: string[] }
  expect(argv).toEqual(words)
  expect(existsSync(file)).toBe(false)
  await gateway.govern('DELETE', '/servers/words')
})

/** Definitions that are none, each of which would run something if it were taken for one. */
const WRONG: ((mark: string) => unknown)[] = [
  (mark) => `touch ${mark}`,
  (mark) => ['touch', mark],
  (mark) => ({ kind: 'stdio', command: ['touch', mark], args: [] }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: mark }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: [mark, 7] }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: { 0: mark, length: 1 } }),
  (mark) => ({ kind: 'stdio', command: `touch ${mark}` }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: [mark], shell: true }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: [mark], uid: 0 }),
  (mark) => ({ kind: 'cli', command: 'touch', args: [mark] }),
  (mark) => ({ kind: 'STDIO', command: 'touch', args: [mark] }),
  (mark) => ({ type: 'stdio', command: 'touch', args: [mark] }),
  (mark) => ({ command: 'touch', args: [mark] }),
  (mark) => ({ kind: 'http', url: `file://${mark}`, command: 'touch', args: [mark] }),
  (mark) => ({ kind: 'http', url: `javascript:require('fs').writeFileSync('${mark}','')` }),
  (mark) => ({ kind: 'builtin', program: `touch ${mark}` }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: [mark, 'a\0b'] }),
  (mark) => ({ kind: 'stdio', command: 'touch\0', args: [mark] }),
  (mark) => ({ kind: 'stdio', command: '', args: [mark] }),
  (mark) => ({
    kind: 'stdio',
    command: 'touch',
    args: [mark],
    env: { NODE_OPTIONS: '--require x' },
  }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: [mark], env: { LD_PRELOAD: '/x.so' } }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: [mark], env: { MOORING_KEY: 'x' } }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: [mark], env: { 'A=B': 'x' } }),
  (mark) => ({ kind: 'stdio', command: 'touch', args: [mark], env: ['A=B'] }),
  () => null,
  () => [],
]

test('what is no definition of a server starts nothing, through whichever verb it comes', async () => {
  for (let i = 0; i < 150; i++) {
    const mark = join(folder, `mark-${i}`)
    const spec = WRONG[below(WRONG.length)]!(mark)
    const name = ['x', '../x', 'x;y', '$(x)', 'X', ''][below(6)]!
    const [path, body] = (
      [
        ['/servers', { name: 'x', spec }],
        ['/servers/test', { name, spec }],
        ['/servers/test', { spec }],
        ['/servers', { name, spec, permit: 'all' }],
      ] as const
    )[below(4)]!
    await expect(gateway.govern('POST', path, body), JSON.stringify(body)).rejects.toThrow(
      /: 4\d\d /,
    )
  }
  // An existing server is not turned into a program by a change of something else.
  await gateway.addServer('plain', 'http://127.0.0.1:9/mcp')
  const spec = { kind: 'stdio', command: 'touch', args: [join(folder, 'patched')] }
  await expect(gateway.govern('PATCH', '/servers/plain', { spec })).rejects.toThrow(/: 400 /)
  expect(readdirSync(folder)).toEqual([])
  expect(processesWith(folder)).toEqual([])
  expect(await names()).toEqual(['plain'])
})

test('the credential of an agent adds no server, whatever it says and wherever', async () => {
  const file = join(folder, 'by-agent')
  const spec = { kind: 'stdio', command: 'touch', args: [file] }
  const before = await names()
  for (const path of [
    '/api/v1/servers',
    '/api/v1/servers/test',
    '/mcp/../api/v1/servers',
    '/servers',
  ]) {
    const { status } = await post(`${gateway.url}${path}`, { name: 'evil', spec }, key)
    expect(status, path).toBeGreaterThanOrEqual(400)
  }
  const calls = ['servers/add', 'mooring/servers/add', 'tools/add', 'server/register']
  for (const method of calls)
    expect((await session.request(method, { name: 'evil', spec })).message.error).toBeDefined()
  for (const tool of ['mooring__servers_add', 'mooring__add_server', 'servers_add'])
    expect((await session.call(tool, { name: 'evil', spec })).message.error).toBeDefined()
  expect(await names()).toEqual(before)
  expect(existsSync(file)).toBe(false)
})
