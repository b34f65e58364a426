import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { emptyFolders, type Folder } from '../../test/fixtures/command.ts'
import { root } from '../../test/fixtures/program.ts'

const folder = emptyFolders()
const EVERYTHING = join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')

/** Runs with --json; the exit code must be as told. */
async function json(at: Folder, line: string, code = 0, stdin = '') {
  const ran = await at.here([...line.split(' '), '--json'], { stdin })
  expect(ran, ran.stdout + ran.stderr).toMatchObject({ code, stderr: '' })
  expect(ran.stdout.trim().split('\n')).toHaveLength(1)
  return JSON.parse(ran.stdout)
}

describe('without a gateway, in an empty folder', () => {
  it('accounts are made, listed, disabled and enabled', async () => {
    const at = folder()
    const anna = await json(at, 'users create --login anna --role admin --name Anna')
    expect(anna).toMatchObject({ id: expect.stringMatching(/^usr_/), login: 'anna', role: 'admin' })
    await json(at, 'users create --login ben --role member')
    await json(at, 'users disable ben')
    const { users } = await json(at, 'users list')
    expect(users).toMatchObject([
      { login: 'anna', disabledAt: null },
      { login: 'ben', disabledAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    ])
    await json(at, 'users enable ben')
    const { stdout, stderr } = await at.here(['users', 'list'])
    expect(stdout).toMatch(/^LOGIN .*\nanna +admin +active .*Anna\nben +member +active /)
    expect(stderr).toBe('')
    expect((await json(at, 'users disable nobody', 2)).error.code).toBe('not_found')
    expect((await json(at, 'users disable anna', 2)).error.code).toBe('conflict')
  })

  it('a password comes from a file or from standard input, and weak ones are refused', async () => {
    const at = folder()
    writeFileSync(join(at.path, 'pw'), 'a long enough passphrase 42\n')
    await json(at, 'users create --login anna --role admin --password-file pw')
    await json(at, 'users recover anna --password-file -', 0, 'another good passphrase 7\n')
    expect((await json(at, 'users recover anna --password-file -', 2, 'short')).error.code).toBe(
      'invalid_input',
    )
    const { events } = await json(at, 'logs audit --search user.password_set')
    expect(events).toHaveLength(1)
  })

  it('while nobody is admin, recover gives a setup link; afterwards not', async () => {
    const at = folder()
    const { url } = await json(at, 'users recover')
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:8420\/setup\?token=/)
    const { stdout, stderr } = await at.here(['users', 'recover'])
    expect(stdout).toMatch(/^http:\S+\n$/)
    expect(stderr).toMatch(/works once, until .*\n.*mooring serve/)
    await json(at, 'users create --login anna --role admin')
    expect((await json(at, 'users recover', 2)).error.code).toBe('conflict')
  })

  it('a key is made, shown once, listed and revoked', async () => {
    const at = folder()
    await json(at, 'users create --login anna --role member')
    const made = await json(at, 'keys create --user anna --name ci --expires 1h --scope mcp')
    expect(Object.keys(made)).toEqual(['id', 'key', 'expiresAt'])
    expect(Date.parse(made.expiresAt) - Date.now()).toBeGreaterThan(3_500_000)
    expect(Date.parse(made.expiresAt) - Date.now()).toBeLessThan(3_601_000)
    expect(
      (await json(at, 'keys create --user anna --name x --expires never')).expiresAt,
    ).toBeNull()
    const plain = await at.here(['keys', 'create', '--user', 'anna', '--name', 'y'])
    expect(plain.stdout).toMatch(/^mk_\S+\n$/)
    expect(plain.stderr).toMatch(/not shown again/)
    const listed = await at.here(['keys', 'list'])
    expect(listed.stdout).not.toContain(made.key)
    expect((await json(at, 'keys list --user ben')).keys).toEqual([])
    await json(at, `keys revoke ${made.id}`)
    const { keys } = await json(at, 'keys list --user anna')
    expect(keys.find((key: { id: string }) => key.id === made.id).revokedAt).not.toBeNull()
    expect((await json(at, 'keys revoke key_none', 2)).error.code).toBe('not_found')
  })

  it('clients and grants are listed and refuse what is not there', async () => {
    const at = folder()
    const uri = 'https://claude.ai/api/mcp/auth_callback'
    const made = await json(at, `clients add Claude --redirect-uri ${uri}`)
    expect((await json(at, 'clients list')).clients).toMatchObject([
      { id: made.id, name: 'Claude' },
    ])
    await json(at, `clients trust ${made.id}`)
    expect(await json(at, `clients show ${made.id}`)).toMatchObject({ trusted: true })
    expect((await at.here(['clients', 'show', made.id])).stdout).toContain(uri)
    await json(at, `clients revoke ${made.id}`)
    expect((await at.here(['clients', 'list'])).stdout).toMatch(/revoked/)
    expect(await json(at, 'grants list --all')).toEqual({ grants: [] })
    expect((await json(at, 'grants revoke grt_none', 2)).error.code).toBe('not_found')
    const evil = 'clients add x --redirect-uri javascript:alert(1)'
    expect((await json(at, evil, 2)).error.code).toBe('invalid_redirect')
  })

  it('every change is in the audit log, made by the command line, and verifies', async () => {
    const at = folder()
    await json(at, 'users create --login anna --role admin')
    await json(at, 'keys create --user anna --name ci')
    const { events } = await json(at, 'logs audit --since 1h')
    expect(events.map((event: { code: string }) => event.code)).toEqual([
      'key.created',
      'user.created',
    ])
    expect(new Set(events.map((event: { actorName: string }) => event.actorName))).toEqual(
      new Set(['command line']),
    )
    const { stdout, stderr } = await at.here(['logs', 'audit', '--limit', '1'])
    expect(stdout).toMatch(/key\.created/)
    expect(stdout).not.toMatch(/user\.created/)
    expect(stderr).toMatch(/--limit shows more/)
    expect((await json(at, 'audit verify')).ok).toBe(true)
  })

  it('a log longer than one page of the API is read whole', async () => {
    const at = folder()
    await json(at, 'users create --login anna --role admin')
    await json(at, 'users create --login ben --role member')
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(join(at.data, 'state.db'))
    db.exec(`with recursive n(i) as (select 1 union all select i + 1 from n where i < 1200)
      insert into audit_events (id, at, code, severity) select 'evt_' || i, i, 'test', 'info' from n`)
    db.close()
    expect((await json(at, 'logs audit --limit 5000')).events).toHaveLength(1202)
    expect((await json(at, 'logs audit --limit 1100')).events).toHaveLength(1100)
  })
})

describe('servers', () => {
  it('are tested before they are added; what runs and what asks is shown', async () => {
    const at = folder()
    const argv = ['servers', 'add', 'ev', '--permit', 'read-only', '--env', 'A=env:B', '--stdio']
    const command = ['--', process.execPath, EVERYTHING]
    const env = { B: 'canary', MOORING_SANDBOX: 'off' }
    const added = await at.here([...argv, ...command], { env })
    expect(added.code, added.stderr).toBe(0)
    expect(added.stdout).toMatch(/^TOOL +KIND +CALLS +WHAT IT SAYS\n/)
    expect(added.stdout).toMatch(/^echo +(read-only +runs|destructive +asks) +\S/m)
    expect(added.stderr).toMatch(/\d+ tools; \d+ run without asking, \d+ ask first/)
    expect(added.stderr).toContain('/s/ev/mcp')
    const listed = await json(at, 'servers list')
    expect(listed.servers).toMatchObject([
      { name: 'ev', permit: 'read-only', logins: null, spec: { kind: 'stdio', cwd: at.path } },
    ])
    expect(JSON.stringify(listed)).not.toContain('canary')
    const again = await at.here([...argv, '--json', ...command], { env })
    expect(JSON.parse(again.stdout).error.code).toBe('conflict')
  })

  it('that do not answer are not added, unless nobody asks them', async () => {
    const at = folder()
    const refused = await json(at, 'servers add x --url http://127.0.0.1:1/mcp', 4)
    expect(refused.error).toMatchObject({ code: 'server_unreachable', remedy: expect.any(String) })
    expect((await json(at, 'servers list')).servers).toEqual([])
    await json(at, 'users create --login anna --role member')
    const added = await json(
      at,
      'servers add x --url http://127.0.0.1:1/mcp --sse --people anna --no-test',
    )
    expect(added.server).toMatchObject({ name: 'x', spec: { kind: 'sse' } })
    expect((await json(at, 'servers test x', 4)).error.code).toBe('server_unreachable')
    await json(at, 'servers set x --people everyone --permit all')
    expect((await json(at, 'servers list')).servers).toMatchObject([
      { permit: 'all', logins: null },
    ])
    const table = await at.here(['servers', 'list'])
    expect(table.stdout).toMatch(/^x +sse +all +everyone +- +http:\/\/127\.0\.0\.1:1\/mcp$/m)
    await json(at, 'servers remove x')
    expect((await json(at, 'servers list')).servers).toEqual([])
    expect((await json(at, 'servers remove x', 2)).error.code).toBe('server_unknown')
  })
})

describe('the data folder', () => {
  it('is the one that --data names, before or after the command', async () => {
    const at = folder()
    await json(at, 'users create --login anna --role admin --data elsewhere')
    expect(existsSync(at.data)).toBe(false)
    expect((await at.here(['--data', 'elsewhere', 'users', 'list'])).stdout).toContain('anna')
  })

  it('that cannot be made is a clear refusal', async () => {
    const at = folder()
    writeFileSync(join(at.path, 'file'), '')
    const { error } = await json(at, 'users list --data file/below', 6)
    expect(error).toMatchObject({ code: 'data_locked', remedy: expect.stringContaining('--data') })
  })
})
