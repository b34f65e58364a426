import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import {
  callOf,
  linkRig,
  nobody,
  serverOf,
  signalled,
  toolCall,
} from '../../../test/fixtures/link-rig.ts'
import { root } from '../../../test/fixtures/program.ts'
import { manualClock } from '../../kernel/manual-clock.ts'
import { Secret } from '../../kernel/secret.ts'
import { systemClock } from '../../kernel/time.ts'
import type { RpcNotification } from '../link.ts'

const rig = linkRig()
const folders: string[] = []
afterEach(() => {
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true })
})
const folder = () => {
  const dir = mkdtempSync(join(tmpdir(), 'mooring-stdio-'))
  folders.push(dir)
  return dir
}

const odd = (mode: string, ...args: string[]) => ({
  kind: 'stdio' as const,
  command: process.execPath,
  args: [join(root, 'test/fixtures/servers/odd-stdio.ts'), mode, ...args],
})

const everything = {
  kind: 'stdio' as const,
  command: process.execPath,
  args: [join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')],
}

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    // A zombie that nobody has waited for is gone for our purposes.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('the reference server runs: hello, tools, and progress with the token of the caller', async () => {
  const link = await rig.open(everything)
  expect(link.hello).toMatchObject({
    era: 'session',
    serverInfo: { name: 'mcp-servers/everything' },
  })
  const news: RpcNotification[] = []
  const reply = await link.request(
    callOf(
      'tools/call',
      {
        name: 'trigger-long-running-operation',
        arguments: { duration: 0.02, steps: 2 },
        _meta: { progressToken: 'mine' },
      },
      { onNotification: (n) => news.push(n) },
    ),
  )
  expect(JSON.stringify(reply.result)).toContain('completed')
  const progress = news.filter(({ method }) => method === 'notifications/progress')
  expect(progress.map(({ params }) => params?.progressToken)).toEqual(['mine', 'mine'])
})

test('a program of the stateless era is spoken to with the envelope', async () => {
  const link = await rig.open(odd('stateless'))
  expect(link.hello.era).toBe('stateless')
  const reply = await link.request(toolCall('echo', { a: 1 }))
  expect(reply.result).toMatchObject({
    echo: { a: 1 },
    meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' },
    later: { kept: true },
  })
})

test('one that answers discover and refuses initialize on the same pipe is stateless', async () => {
  const link = await rig.open(odd('refuses-initialize'))
  expect(link.hello.era).toBe('stateless')
  expect(await link.request(callOf('tools/list'))).toMatchObject({ result: { tools: [] } })
})

test('three seconds of silence after discover lead to initialize on the same pipe', async () => {
  const clock = manualClock()
  const opener = rig.opener({ clock })
  const opening = opener.open(serverOf(odd('deaf-to-discover')), {}, nobody)
  // Enough for the probe, far from enough for the start deadline.
  let ticks = 0
  const ticking = setInterval(() => ++ticks <= 50 && clock.advance(100), 20)
  const link = rig.uses(await opening)
  clearInterval(ticking)
  expect(link.hello.era).toBe('session')
  // The unanswered question does not count as a call in flight: a question of the server finds the only one.
  const onQuestion = async () => ({ result: { roots: ['a'] } })
  expect(await link.request(toolCall('ask', {}, { onQuestion }))).toEqual({
    result: { answered: { roots: ['a'] } },
  })
})

test('one that dies of the probe is started again with initialize first, and next time at once', async () => {
  const opener = rig.opener()
  const link = await rig.open(odd('dies-of-discover'), { opener })
  expect(link.hello.era).toBe('session')
  expect(opener.eras.get({ id: 'srv_test', revision: 1 })).toBe('session')
  const again = await rig.open(odd('dies-of-discover'), { opener })
  expect(await again.request(callOf('tools/list'))).toMatchObject({ result: { tools: [] } })
})

test('text and foreign JSON on standard output are counted and kept, not fatal', async () => {
  const link = await rig.open(odd('noisy'))
  expect(await link.request(callOf('tools/list'))).toMatchObject({ result: { tools: [] } })
  expect(link.diagnose?.().noise).toEqual({ count: 3, last: '[1,2]' })
})

test('many calls at once each get their own answer, in whatever order they come', async () => {
  const link = await rig.open(odd('good'))
  const first = link.request(toolCall('hold', { key: 'a' }))
  const second = link.request(toolCall('hold', { key: 'b' }))
  await link.request(toolCall('release', { key: 'b' }))
  expect(await second).toEqual({ result: { released: 'b' } })
  await link.request(toolCall('release', { key: 'a' }))
  expect(await first).toEqual({ result: { released: 'a' } })
  const echoes = await Promise.all(
    Array.from({ length: 200 }, (_, n) => link.request(toolCall('echo', { n }))),
  )
  expect(echoes.map(({ result }) => result?.echo)).toEqual(
    Array.from({ length: 200 }, (_, n) => ({ n })),
  )
})

test('two callers with the same progress token do not hear of each other', async () => {
  const link = await rig.open(odd('good'))
  const calls = ['a', 'b'].map(async () => {
    const heard: unknown[] = []
    const params = { name: 'progress', _meta: { progressToken: 1 } }
    const reply = await link.request(
      callOf('tools/call', params, { onNotification: (n) => heard.push(n.params) }),
    )
    return { heard, sent: reply.result?.progressToken }
  })
  const [one, two] = await Promise.all(calls)
  expect(one?.sent).not.toBe(two?.sent)
  for (const { heard } of [one!, two!]) expect(heard).toEqual([{ progressToken: 1, progress: 1 }])
})

test('a question goes to the only call in flight', async () => {
  const link = await rig.open(odd('good'))
  const onQuestion = vi.fn(async () => ({ result: { roots: [] } }))
  expect(await link.request(toolCall('ask', {}, { onQuestion }))).toEqual({
    result: { answered: { roots: [] } },
  })
  expect(onQuestion).toHaveBeenCalledWith({ method: 'roots/list' })
})

test('with two calls in flight a question goes to the listener of the link, or is refused', async () => {
  const link = await rig.open(odd('good'))
  const mine = vi.fn(async () => ({ result: { roots: ['mine'] } }))
  const held = link.request(toolCall('hold', { key: 'a' }, { onQuestion: mine }))
  const refused = await link.request(toolCall('ask', {}, { onQuestion: mine }))
  expect(refused).toMatchObject({ result: { answered: { code: -32601 } } })
  expect(mine).not.toHaveBeenCalled()
  link.onQuestion(async () => ({ result: { roots: ['ours'] } }))
  expect(await link.request(toolCall('ask'))).toEqual({ result: { answered: { roots: ['ours'] } } })
  await link.request(toolCall('release', { key: 'a' }))
  await held
})

test('giving up a call tells the program, and the late answer is dropped', async () => {
  const link = await rig.open(odd('good'))
  const told = signalled<RpcNotification>()
  link.onNotification((notification) => {
    if (notification.method === 'notifications/message') told.settle(notification)
  })
  const abort = new AbortController()
  const call = link.request(toolCall('hold', { key: 'a' }, { signal: abort.signal }))
  const outcome = expect(call).rejects.toThrow('enough')
  await link.request(callOf('tools/list'))
  abort.abort(new Error('enough'))
  await outcome
  expect(await told.promise).toMatchObject({ params: { data: 'cancelled' } })
  await link.request(toolCall('release', { key: 'a' }))
  expect(await link.request(toolCall('echo', { still: 'here' }))).toMatchObject({
    result: { echo: { still: 'here' } },
  })
})

test('a call past its deadline is a timeout, and the link lives on', async () => {
  const clock = manualClock()
  const link = await rig.open(odd('good'), { opener: rig.opener({ clock }) })
  const call = link.request(toolCall('hold', { key: 'a' }, { deadline: 5000 }))
  const outcome = expect(call).rejects.toMatchObject({ code: 'server_timeout' })
  clock.advance(5000)
  await outcome
  expect(await link.request(callOf('tools/list'))).toMatchObject({ result: { tools: [] } })
})

test('an answer over the cap is garbage for that call only', async () => {
  const link = await rig.open(odd('good'))
  const huge = link.request(toolCall('huge', { bytes: 11 * 1024 * 1024 }))
  const other = link.request(toolCall('hold', { key: 'a' }))
  await expect(huge).rejects.toMatchObject({ code: 'server_garbage' })
  await link.request(toolCall('release', { key: 'a' }))
  expect(await other).toEqual({ result: { released: 'a' } })
  const fits = await link.request(toolCall('huge', { bytes: 5_000_000 }))
  expect(fits.result?.text).toHaveLength(5_000_000)
})

test('an answer that is no object is garbage for that call, and a second answer is ignored', async () => {
  const link = await rig.open(odd('good'))
  await expect(link.request(toolCall('broken'))).rejects.toMatchObject({ code: 'server_garbage' })
  expect(await link.request(toolCall('twice'))).toEqual({ result: { n: 1 } })
  expect(await link.request(callOf('tools/list'))).toMatchObject({ result: { tools: [] } })
})

test('a program that ends in the middle of a call fails it with its exit code and last words', async () => {
  const link = await rig.open(odd('good'))
  await expect(link.request(toolCall('crash'))).rejects.toMatchObject({
    code: 'server_closed',
    message: expect.stringMatching(/exit code 7[\s\S]*out of luck/),
  })
  expect(link.closed).toMatchObject({ code: 'server_closed' })
  await expect(link.request(callOf('tools/list'))).rejects.toMatchObject({ code: 'server_closed' })
})

test('a program that does not start says command, exit code, how long, and its last words harmlessly', async () => {
  const error = await rig.open(odd('dies')).catch((e: Error) => e)
  expect(error).toMatchObject({ code: 'server_start' })
  expect(String(error)).toMatch(/odd-stdio\.ts dies`, ended after [\d.]+ s \(exit code 3\)/)
  expect(String(error)).toContain('cannot find \\x1b[31mconfig.json')
  expect(String(error)).not.toContain('\u001b')
})

test('a missing program is named, with the advice to give its full path', async () => {
  const spec = { kind: 'stdio' as const, command: 'no-such-program-x', args: [] }
  await expect(rig.open(spec)).rejects.toMatchObject({
    code: 'server_start',
    message: expect.stringContaining('no-such-program-x is in none of the folders of'),
    remedy: expect.stringContaining('full path'),
  })
})

test('one that never answers is given up after the start deadline, and killed', async () => {
  const clock = manualClock()
  const opener = rig.opener({ clock })
  const ticking = setInterval(() => clock.advance(1000), 10)
  const error = await opener.open(serverOf(odd('mute')), {}, nobody).catch((e: Error) => e)
  clearInterval(ticking)
  expect(error).toMatchObject({
    code: 'server_start',
    message: expect.stringContaining('gave no usable answer within'),
  })
})

test('the environment is clean, and holds what the admin wrote down', async () => {
  process.env.MOORING_DB_PASSWORD = 'canary-env'
  process.env.AWS_SECRET_ACCESS_KEY = 'canary-aws'
  try {
    const spec = { ...odd('good'), env: { REGION: 'eu' } }
    const link = rig.uses(
      await rig.opener().open(serverOf(spec), { env: { API_KEY: new Secret('s3cret') } }, nobody),
    )
    const { env, cwd, argv } = (await link.request(toolCall('environment'))).result as {
      env: Record<string, string>
      cwd: string
      argv: string[]
    }
    expect(env).toMatchObject({ REGION: 'eu', API_KEY: 's3cret', PATH: process.env.PATH })
    const allowed = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'USER', 'LOGNAME', 'MOORING_PROGRAM']
    allowed.push('REGION', 'API_KEY')
    expect(Object.keys(env).filter((name) => !allowed.includes(name))).toEqual([])
    expect(argv).toEqual(['good'])
    expect(readdirSync(cwd)).toEqual([])
  } finally {
    delete process.env.MOORING_DB_PASSWORD
    delete process.env.AWS_SECRET_ACCESS_KEY
  }
})

test('arguments are handed over as they are: no shell looks at them', async () => {
  const dir = folder()
  const hostile = [`$(touch ${dir}/a)`, `; touch ${dir}/b`, '`id`', '--x=%PATH%', '* ?', '"\'\\']
  const link = await rig.open(odd('good', ...hostile))
  const { argv } = (await link.request(toolCall('environment'))).result as { argv: string[] }
  expect(argv).toEqual(['good', ...hostile])
  expect(readdirSync(dir)).toEqual([])
})

test('a program that ignores the end of input and SIGTERM is killed with everything that it started', async () => {
  const clock = manualClock()
  const pidFile = join(folder(), 'pids')
  const link = await rig.open(odd('deaf', pidFile), { opener: rig.opener({ clock }) })
  const pids = readFileSync(pidFile, 'utf8').split(' ').map(Number)
  expect(pids.map(alive)).toEqual([true, true])
  const closing = link.close()
  const ticking = setInterval(() => clock.advance(500), 5)
  await closing
  clearInterval(ticking)
  await vi.waitFor(() => expect(pids.map(alive)).toEqual([false, false]))
})

test('closing the opener kills what still runs, and removes the private folders', async () => {
  const opener = rig.opener()
  const link = await opener.open(serverOf(odd('good')), {}, nobody)
  const { cwd } = (await link.request(toolCall('environment'))).result as { cwd: string }
  const { pid } = link.diagnose!()
  await opener.close()
  await vi.waitFor(() => expect(alive(pid)).toBe(false))
  expect(existsSync(cwd)).toBe(false)
})

test('opening and closing many times leaves no process behind', async () => {
  const opener = rig.opener({ clock: systemClock })
  const pids: number[] = []
  for (let i = 0; i < 5; i++) {
    const link = await opener.open(serverOf(odd('good')), {}, nobody)
    pids.push(link.diagnose!().pid)
    await link.close()
  }
  expect(pids.filter(alive)).toEqual([])
})
