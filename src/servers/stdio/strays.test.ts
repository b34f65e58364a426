import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { quick } from '../../../test/fixtures/cycles.ts'
import { linkRig } from '../../../test/fixtures/link-rig.ts'
import { processesWith } from '../../../test/fixtures/processes.ts'
import { systemClock } from '../../kernel/time.ts'
import { createChildren } from './children.ts'
import { MARK } from './strays.ts'

const rig = linkRig()

test.each(['off', 'auto'] as const)(
  'with sandbox %s, what a program left in a session of its own ends with it',
  async (sandbox) => {
    const mark = `stray-${process.pid}-${sandbox}`
    const link = await rig.open(quick('daemon', mark), { opener: rig.opener({ sandbox }) })
    await expect.poll(() => processesWith(mark).length).toBeGreaterThanOrEqual(3)
    await link.close()
    await expect.poll(() => processesWith(mark)).toEqual([])
  },
)

test('a sweep ends the programs and removes the folders of its own gateway, and of no other', async () => {
  const [mine, theirs] = [`mine-${process.pid}`, `theirs-${process.pid}`]
  const left = [mine, theirs].map((instance) => {
    const child = spawn('sleep', ['1000'], { env: { [MARK]: `${instance}/1-1/` }, stdio: 'ignore' })
    const dir = mkdtempSync(join(tmpdir(), `mooring-servers-${instance}-`))
    writeFileSync(join(dir, 'note'), 'x')
    return { child, dir, gone: new Promise((done) => child.once('exit', done)) }
  })
  await rig.opener({ instance: mine }).sweep()
  await left[0]!.gone
  expect(left.map(({ dir }) => existsSync(dir))).toEqual([false, true])
  expect(left[1]!.child.exitCode ?? left[1]!.child.signalCode).toBeNull()
  await rig.opener({ instance: theirs }).sweep()
  await left[1]!.gone
  expect(existsSync(left[1]!.dir)).toBe(false)
})

test('a program that does not read is not written to without end', async () => {
  const children = createChildren(systemClock)
  const child = children.start({
    command: 'sleep',
    args: ['1000'],
    env: {},
    cwd: '/',
    user: undefined,
    secrets: [],
  })
  const megabyte = 'x'.repeat(1024 * 1024)
  const writes = Array.from({ length: 40 }, () => child.write(megabyte).then(() => 'taken', String))
  expect((await child.exited).signal).toBe('SIGKILL')
  expect(
    (await Promise.all(writes)).filter((outcome) => /unread/.test(outcome)).length,
  ).toBeGreaterThan(5)
  children.close()
}, 5000)
