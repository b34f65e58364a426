import { describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { emptyFolders } from '../../test/fixtures/command.ts'
import { commands } from './commands.ts'
import { commandIn } from './program.ts'

const folder = emptyFolders()

describe('the command in a command line', () => {
  it.each([
    ['users list', 'users'],
    ['--json users list', 'users'],
    ['--data keys users list', 'users'],
    ['--data=keys users', 'users'],
    ['--config a --db b logs audit', 'logs'],
    ['help users', 'users'],
    ['--help', null],
    ['', null],
    ['-- users', null],
  ])('"%s" is %s', (line, command) => {
    expect(commandIn(line.split(' ').filter(Boolean))).toBe(command)
  })
})

describe('help', () => {
  it('lists every command, on stdout', async () => {
    for (const argv of [[], ['--help'], ['-h'], ['help']]) {
      const { code, stdout, stderr } = await folder().here(argv)
      expect([code, stderr]).toEqual([0, ''])
      for (const [name, { about }] of Object.entries(commands)) {
        expect(stdout).toContain(name)
        expect(stdout).toContain(about)
      }
    }
  })

  it.each(Object.keys(commands))('of %s says what it takes', async (name) => {
    const { code, stdout } = await folder().here([name, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: mooring/)
    expect(stdout).toContain('--json')
    expect(stdout).toContain('--data <dir>')
    expect((await folder().here(['help', name])).stdout).toBe(stdout)
  })

  it('the version is that of the package', async () => {
    expect((await folder().here(['--version'])).stdout).toBe(`${manifest.version}\n`)
  })
})

describe('a wrong command line', () => {
  it.each([
    ['userz list', /no command userz\. Did you mean users\?/],
    ['xyzzy', /no command xyzzy\.$/m],
    ['users lisst', /lisst.*list/],
    ['users list --jsno', /--jsno.*--json/],
    ['users', /"mooring users" needs a command: create, list,/],
    ['--json', /needs a command/],
    ['users create', /--login/],
    ['users create --login x', /--role/],
    ['users create --login x --role boss', /admin, auditor, member/],
    ['users disable', /login/],
    ['users disable a b', /too many arguments/i],
    ['keys create --user a --name b --expires soon', /no duration/],
    ['keys create --user a --name b --expires 0', /no duration/],
    ['servers add', /name/],
    ['servers add x', /Neither --url nor --stdio/],
    ['servers add x --stdio', /program is missing/],
    ['servers add x --stdio --url http://x -- y', /--stdio is a program/],
    ['servers add x --url http://x y', /"y" has no meaning/],
    ['servers add x --url http://x --env A=b', /--env is for programs/],
    ['servers add x --url http://x --header nonsense', /needs a name, ":"/],
    ['servers add x --url http://x --header A:@/no/such/file', /cannot be read/],
    ['servers add x --url http://x --header A:env:NOT_SET_HERE', /NOT_SET_HERE, which is not set/],
    ['servers add x --url http://x --permit some', /none, read-only, all/],
    ['servers set x', /Nothing to change/],
    ['logs audit --since soon', /neither a duration nor a date/],
    ['logs audit --limit 0', /whole number/],
    ['logs other', /other/],
    ['users recover x', /no terminal/],
    ['users create --login x --role member --password-file nowhere', /nowhere cannot be read/],
    ['serve extra', /too many arguments/i],
    ['serve --stdio', /--stdio/],
  ])('"%s" ends with 2 and says what is wrong', async (line, message) => {
    const argv = line.split(' ')
    const at = folder()
    const text = await at.here(argv)
    expect(text.code).toBe(2)
    if (!argv.includes('--json')) {
      expect(text.stdout).toBe('')
      expect(text.stderr).toMatch(message)
      expect(text.stderr).toMatch(/^Error: .*\nWhy: .*\(usage\)\nFix: /s)
    }
    const asked = argv.includes('--json') ? argv : ['--json', ...argv]
    const json = await at.here(asked)
    expect([json.code, json.stderr]).toEqual([2, ''])
    const { error } = JSON.parse(json.stdout)
    expect(error).toMatchObject({ code: 'usage', remedy: expect.any(String) })
    expect(error.message).toMatch(message)
  })

  it('words after -- are not ours', async () => {
    const { code, stderr } = await folder().here(['servers', 'add', 'x', '--', '--json'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^Error: /)
  })
})

describe('config', () => {
  it('check says that all is right, and what was read', async () => {
    const at = folder()
    const { code, stdout } = await at.here(['config', 'check', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ ok: true, configFile: null, dataDir: at.data })
  })

  it('a mistake ends with 6, wherever the settings are needed', async () => {
    const env = { MOORING_PORT: 'x', MOORING_SANDBOX: 'y' }
    for (const argv of [['config', 'check'], ['users', 'list'], ['serve']]) {
      const { code, stdout } = await folder().here([...argv, '--json'], { env })
      expect(code).toBe(6)
      const { error } = JSON.parse(stdout)
      expect(error.code).toBe('config_invalid')
      expect(error.data.problems).toHaveLength(2)
    }
  })

  it('print shows everything but secrets', async () => {
    const env = {
      MOORING_DB: 'postgres://u:canary@h/d',
      MOORING_KEY: `canary${'0123456789'.repeat(3)}`,
    }
    for (const extra of [[], ['--json']]) {
      const { code, stdout } = await folder().here(['config', 'print', ...extra], { env })
      expect(code).toBe(0)
      expect(stdout).not.toContain('canary')
      expect(stdout).toContain('auth.access-token-ttl')
      expect(stdout).toContain('postgres://u:[redacted]@h/d')
    }
  })

  it('schema is JSON Schema, with and without --json', async () => {
    for (const extra of [[], ['--json']]) {
      const { stdout } = await folder().here(['config', 'schema', ...extra])
      expect(JSON.parse(stdout).properties.port).toMatchObject({ default: 8420 })
    }
  })
})
