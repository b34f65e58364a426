import { join } from 'node:path'
import { expect, test } from 'vitest'
import { linkRig } from '../../test/fixtures/link-rig.ts'
import { root } from '../../test/fixtures/program.ts'
import { startEverything } from '../../test/fixtures/servers/everything.ts'
import { systemClock } from '../kernel/time.ts'
import type { ServerSpec } from './server.ts'
import { testServer } from './test-server.ts'

const rig = linkRig()
const run = (spec: ServerSpec, secret = {}) => {
  const deps = { clock: systemClock, opener: rig.opener() }
  return testServer(deps, { id: 'srv_new', name: 'notes', spec, revision: 0 }, secret)
}

test('a good server says hello and what it offers, and the session is closed afterwards', async () => {
  const server = rig.uses(await startEverything({ eras: 'session' }))
  const catalog = await run({ kind: 'http', url: server.url })
  expect(catalog.hello.serverInfo).toMatchObject({ name: 'everything' })
  expect(catalog.tools.size).toBeGreaterThan(10)
  expect(catalog.problems).toEqual([])
  expect(server.sessions()).toBe(0)
})

test('a program is started, listed and stopped', async () => {
  const args = [join(root, 'test/fixtures/servers/odd-stdio.ts'), 'good']
  const catalog = await run({ kind: 'stdio', command: process.execPath, args })
  expect(catalog.tools.size).toBe(0)
  expect(catalog.hello.serverInfo).toMatchObject({ name: 'odd' })
})

test('a bad one fails with the reason: no program, nothing listening, a forbidden address', async () => {
  const missing = { kind: 'stdio' as const, command: 'no-such-program-x', args: [] }
  await expect(run(missing)).rejects.toMatchObject({ code: 'server_start' })
  await expect(run({ kind: 'http', url: 'http://127.0.0.1:1/mcp' })).rejects.toMatchObject({
    code: 'server_unreachable',
  })
  await expect(run({ kind: 'http', url: 'http://169.254.169.254/' })).rejects.toMatchObject({
    code: 'blocked_address',
  })
})
