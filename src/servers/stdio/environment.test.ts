import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Secret } from '../../kernel/secret.ts'
import { environmentOf, findCommand } from './environment.ts'

const spec = { kind: 'stdio' as const, command: 'x', args: [] }
const dir = mkdtempSync(join(tmpdir(), 'mooring-env-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('of our environment only harmless names are inherited', () => {
  const ours = {
    PATH: '/bin',
    HOME: '/h',
    MOORING_DB: 'x',
    NODE_OPTIONS: '--inspect',
    LD_PRELOAD: 'y',
    TOKEN: 'z',
  }
  expect(environmentOf(spec, {}, ours)).toEqual({ PATH: '/bin', HOME: '/h' })
})

test('a gateway without PATH still gives its programs one', () => {
  expect(environmentOf(spec, {}, {}).PATH).toContain('/usr/bin')
})

test('what the admin wrote beats what is inherited, and the secret beats both', () => {
  const env = environmentOf(
    { ...spec, env: { HOME: '/spec', KEY: 'plain' } },
    { env: { KEY: new Secret('sealed') } },
    { HOME: '/ours', USER: 'root' },
    { USER: 'nobody' },
  )
  expect(env).toMatchObject({ HOME: '/spec', KEY: 'sealed', USER: 'nobody' })
})

test('a command is found along PATH, a path is taken from the working folder', () => {
  const program = join(dir, 'tool')
  writeFileSync(program, '#!/bin/sh\n')
  expect(() => findCommand('tool', `/nowhere:${dir}`, '/')).toThrow('none of the folders')
  chmodSync(program, 0o755)
  expect(findCommand('tool', `/nowhere::${dir}`, '/')).toBe(program)
  expect(findCommand('./tool', '', dir)).toBe(program)
  expect(findCommand(program, '', '/')).toBe(program)
  expect(() => findCommand('./other', '', dir)).toThrow('There is no program at')
  expect(() => findCommand(dir, '', '/')).toThrow('There is no program at')
})
