// Secrets of the operator: in flags, in the environment, in files named there and in mooring.yaml, right and wrong in every
// way. The configuration is checked, printed and refused without repeating any of them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { canaryWord, sweep } from '../fixtures/canaries.ts'
import { emptyFolders, type Ran } from '../fixtures/command.ts'

const folder = emptyFolders()
const C = canaryWord()
const KEY = Buffer.from(C).subarray(0, 32).toString('base64url')

/** Nothing of it in either stream, as text and as JSON. */
function silent(ran: Ran): void {
  const secrets = new Map([
    ['secret', C],
    ['key', KEY],
  ])
  expect(sweep(new Map(Object.entries({ ...ran, code: String(ran.code) })), secrets)).toEqual([])
}

describe('a wrong setting is refused without its secret', () => {
  it.each([
    { MOORING_KEY: C.slice(0, 31) },
    { MOORING_KEY: `${C}-is-no-key-of-32-bytes` },
    { MOORING_DB: `postgres//user:${C}@db/x` },
    { MOORING_DB: `mysql://user:${C}@db/x` },
    { MOORING_DB: `postgres://user:${C}@db:port/x` },
    { MOORING_PUBLIC_URL: `user:${C}@gate.example` },
    { MOORING_PUBLIC_URL: `https://user:${C}@gate.example` },
    { MOORING_PUBLIC_URL: `ftp://user:${C}@gate.example` },
    { MOORING_ALLOWED_ORIGINS: `https://user:${C}@app.example` },
    { MOORING_ALLOWED_ORIGINS: `https://app.example/?key=${C}` },
    { MOORING_KEYS: C },
    { MOORING_KEY_FILE: '/nowhere', MOORING_KEY: C },
    { MOORING_KEY_FILE: '/nowhere' },
    { MOORING_HOST: `user:${C}@0.0.0.0` },
  ] as Record<string, string>[])('%j', async (env) => {
    const { here } = folder()
    for (const command of [['config', 'check'], ['config', 'print'], ['serve'], ['users', 'list']])
      for (const json of [[], ['--json']]) {
        const ran = await here([...command, ...json], { env })
        // A key that is no key is only found out where it is used.
        if (command[0] !== 'config') expect(ran.code, ran.stderr).toBe(6)
        silent(ran)
      }
  })

  it.each([
    `key: "${C}" ${C}`,
    `key: ${C}\n  ${C}: [`,
    `key: [${C}`,
    `key: {${C}: ${C}}`,
    `key: &${C} x\ndb: *${C}`,
    `key: !${C} ${C}`,
    `key: '${C}`,
    `key: "${C}\\q"`,
    `key: |\n${C}\n${C}`,
    `- ${C}`,
    C,
    `db: postgres://user:${C}@db:port/x`,
    `auth: ${C}`,
    `? ${C}\n: ${C}\n%${C}`,
    `key: @${C}`,
    `key: ${C}\nkey: ${C}`,
    `\t${C}: ${C}`,
  ])('in mooring.yaml: %#', async (text) => {
    const { data, here } = folder()
    mkdirSync(data)
    writeFileSync(join(data, 'mooring.yaml'), text)
    for (const json of [[], ['--json']]) {
      const ran = await here(['config', 'check', ...json])
      expect(ran.code, ran.stdout).toBe(6)
      silent(ran)
      // It still says where.
      expect(ran.stdout + ran.stderr).toMatch(/mooring\.yaml:\d/)
    }
  })
})

describe('a setting that is right', () => {
  it('is printed without its secret, wherever it stands', async () => {
    const { data, path, here } = folder()
    mkdirSync(data)
    writeFileSync(join(path, 'key'), `${KEY}\n`)
    writeFileSync(join(data, 'mooring.yaml'), `db: postgres://me:${C}@db/x?password=${C}\n`)
    const env = { MOORING_KEY_FILE: join(path, 'key') }
    for (const args of [
      ['config', 'print'],
      ['config', 'print', '--json'],
      ['config', 'check'],
    ]) {
      const ran = await here(args, { env })
      expect(ran.code, ran.stderr).toBe(0)
      silent(ran)
    }
    const { stdout } = await here(['config', 'print'], { env })
    expect(stdout).toContain('postgres://me:[redacted]@db/x')
  })

  it('is not in the error of a database that cannot be reached or refuses the password', async () => {
    const { here } = folder()
    for (const db of [
      `postgres://me:${C}@127.0.0.1:1/x`,
      `postgres://me:${C}@127.0.0.1:1/x?password=${C}`,
    ])
      for (const json of [[], ['--json']]) {
        const ran = await here(['users', 'list', '--db', db, ...json], { env: { DEBUG: '1' } })
        expect(ran.code, ran.stderr).not.toBe(0)
        silent(ran)
      }
  })
})

it('a secret that is given on the command line is not repeated by its mistakes', async () => {
  const { here, path } = folder()
  const add = ['servers', 'add', 'x', '--no-test', '--url', 'http://127.0.0.1:1/mcp']
  for (const args of [
    [...add, '--header', `Authorization Bearer ${C}`],
    [...add, '--header', `: ${C}`],
    [...add, '--header', `X-Key: ${C}\u0001`],
    [...add, '--env', `KEY=${C}`],
    [...add, '--header', `Mcp-Session-Id: ${C}`],
    ['servers', 'add', 'x', '--url', `https://user:${C}@127.0.0.1:1/mcp`],
    ['servers', 'add', 'x', '--url', `http://127.0.0.1:1/mcp?key=${C}`],
    ['servers', 'add', 'x', '--stdio', '--env', C, '--', 'true'],
    ['servers', 'add', 'x', '--stdio', '--env', `MOORING_KEY=${C}`, '--', 'true'],
  ])
    for (const json of [[], ['--json']]) {
      const at = args.indexOf('--')
      const whole = at < 0 ? [...args, ...json] : [...args.slice(0, at), ...json, ...args.slice(at)]
      const ran = await here(whole, { env: { MOORING_KEY: KEY, DEBUG: '1' } })
      expect(ran.code, ran.stdout).not.toBe(0)
      silent(ran)
    }
  writeFileSync(join(path, 'password'), `${C.slice(0, 5)}\n`)
  const short = [
    'users',
    'create',
    '--login',
    'ann',
    '--role',
    'admin',
    '--password-file',
    join(path, 'password'),
  ]
  const ran = await here(short)
  expect(ran.code).not.toBe(0)
  expect(ran.stdout + ran.stderr).not.toContain(C.slice(0, 5))
})
