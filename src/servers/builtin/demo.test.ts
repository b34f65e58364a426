import { expect, test } from 'vitest'
import { callOf, toolCall } from '../../../test/fixtures/link-rig.ts'
import { buildCatalog } from '../../catalog/build.ts'
import { manualClock } from '../../kernel/manual-clock.ts'
import type { RpcNotification } from '../link.ts'
import { readCatalog } from '../read-catalog.ts'
import type { Server } from '../server.ts'
import { openBuiltin } from './open-builtin.ts'

const demo = (bytes: number[] = []) => {
  const clock = manualClock()
  const random = (n: number) => Buffer.from(Array.from({ length: n }, () => bytes.shift() ?? 0))
  return { clock, link: openBuiltin({ clock, random }, 'demo') }
}

const textOf = (reply: { result?: { content?: unknown } | undefined }) =>
  (reply.result!.content as { text: string }[])[0]?.text

test('everything that it lists is usable, and none of its tools is hidden', async () => {
  const { link, clock } = demo()
  const server: Server = {
    ...{ id: 'srv_1', name: 'demo', permit: 'all', people: null, owner: 'demo', revision: 1 },
    spec: { kind: 'builtin', program: 'demo' },
  }
  const signal = new AbortController().signal
  const catalog = buildCatalog(server, await readCatalog(link, server, signal, clock.now))
  expect([...catalog.tools.keys()]).toEqual(['add', 'echo', 'now', 'roll_dice', 'wait'])
  expect([...catalog.tools.values()].map(({ hidden }) => hidden)).toEqual(Array(5).fill(null))
  expect(catalog.prompts.size + catalog.resources.size).toBe(2)
  expect(catalog.problems).toEqual([])
})

test('its tools do what they say', async () => {
  const { link } = demo([255, 3, 5])
  expect(textOf(await link.request(toolCall('echo', { message: 'hi' })))).toBe('hi')
  expect((await link.request(toolCall('add', { a: 2, b: 0.5 }))).result).toMatchObject({
    structuredContent: { sum: 2.5 },
  })
  expect(textOf(await link.request(toolCall('now')))).toBe('2026-11-21T12:00:00.000Z')
  // 255 would favour low numbers, so it is drawn again.
  expect(textOf(await link.request(toolCall('roll_dice', { dice: 2 })))).toBe('4 + 6 = 10')
})

test('waiting reports progress every second and ends on time', async () => {
  const { link, clock } = demo()
  const news: RpcNotification[] = []
  const params = { name: 'wait', arguments: { seconds: 2 }, _meta: { progressToken: 'p' } }
  const reply = link.request(callOf('tools/call', params, { onNotification: (n) => news.push(n) }))
  for (let i = 0; i < 2; i++) {
    clock.advance(1000)
    await new Promise(setImmediate)
  }
  expect(textOf(await reply)).toBe('Waited 2 s.')
  expect(news.map(({ params }) => params)).toEqual([
    { progressToken: 'p', progress: 1, total: 2 },
    { progressToken: 'p', progress: 2, total: 2 },
  ])
})

test('waiting ends when the caller gives up, at the deadline, and when the link closes', async () => {
  const abort = new AbortController()
  const one = demo()
  const given = one.link.request(toolCall('wait', { seconds: 9 }, { signal: abort.signal }))
  abort.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  const late = one.link.request(toolCall('wait', { seconds: 9 }, { deadline: 500 }))
  one.clock.advance(500)
  await expect(late).rejects.toMatchObject({ code: 'server_timeout' })
  const closed = one.link.request(toolCall('wait', { seconds: 9 }))
  await one.link.close()
  await expect(closed).rejects.toMatchObject({ code: 'server_closed' })
  await expect(one.link.request(callOf('tools/list'))).rejects.toMatchObject({
    code: 'server_closed',
  })
})

test('prompt, resource and completion answer, unknown ones are errors', async () => {
  const { link } = demo()
  const prompt = await link.request(
    callOf('prompts/get', { name: 'greet', arguments: { name: 'Ada' } }),
  )
  expect(JSON.stringify(prompt)).toContain('Ada')
  const read = await link.request(callOf('resources/read', { uri: 'demo://about' }))
  expect(read.result?.contents).toHaveLength(1)
  const completion = await link.request(
    callOf('completion/complete', {
      ref: { type: 'ref/prompt', name: 'greet' },
      argument: { name: 'language', value: 'g' },
    }),
  )
  expect(completion.result?.completion).toMatchObject({ values: ['German'] })
  for (const call of [
    toolCall('rm'),
    callOf('prompts/get', { name: 'x' }),
    callOf('prompts/get', { name: 'greet' }),
    callOf('resources/read', { uri: 'file:///etc/passwd' }),
    callOf('logging/setLevel', { level: 'info' }),
  ])
    expect((await link.request(call)).error).toBeDefined()
})
