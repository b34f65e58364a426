import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../kernel/app-error.ts'
import { type LoadInput, loadSettings } from './load.ts'
import { options } from './options.ts'
import { showSettings } from './print.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'config-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const load = (input: Partial<LoadInput> = {}) =>
  loadSettings({ env: {}, home: join(dir, 'home'), cwd: dir, ...input })

function file(text: string, name = 'mooring.yaml'): string {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

function refusal(input: Partial<LoadInput>): AppError {
  try {
    load(input)
  } catch (error) {
    if (error instanceof AppError) {
      expect(error.code).toBe('config_invalid')
      expect(error.remedy).toBeTruthy()
      return error
    }
    throw error
  }
  throw new Error('It was accepted.')
}

describe('without any configuration', () => {
  it('every setting has its default and says so', () => {
    const { settings, provenance, configFile } = load()
    expect(configFile).toBeNull()
    expect(settings).toEqual({
      host: '127.0.0.1',
      port: 8420,
      dataDir: join(dir, 'home', '.mooring'),
      db: null,
      key: null,
      publicUrl: null,
      trustedProxies: [],
      allowedOrigins: [],
      logLevel: 'info',
      auth: {
        accessTokenTtl: 900,
        refreshTokenTtl: 2_592_000,
        registration: true,
        clientDocuments: true,
      },
      logs: { durability: 'process' },
      limits: {
        requestBytes: 4_194_304,
        callTimeout: 300,
        children: 50,
        toolName: 64,
        connections: 16_000,
        connectionsPerClient: 1000,
        streamsPerUser: 250,
        clientTimeout: 60,
        sessionIdle: 86_400,
        sessionsPerClient: 1000,
      },
      sandbox: 'auto',
    })
    expect(Object.keys(provenance)).toEqual(options.map(({ key }) => key))
    expect(new Set(Object.values(provenance))).toEqual(new Set(['default']))
  })
})

describe('precedence', () => {
  const configFile = () => file('port: 1001\nlog-level: warn\npublic-url: https://file.example\n')

  it('the file beats the default', () => {
    const { settings, provenance } = load({ configFile: configFile() })
    expect(settings.port).toBe(1001)
    expect(provenance).toMatchObject({ port: 'file', 'log-level': 'file', host: 'default' })
  })

  it('the environment beats the file, setting by setting', () => {
    const env = { MOORING_PORT: '1002' }
    const { settings, provenance } = load({ configFile: configFile(), env })
    expect(settings.port).toBe(1002)
    expect(settings.logLevel).toBe('warn')
    expect(provenance).toMatchObject({ port: 'env', 'log-level': 'file' })
  })

  it('a flag beats the environment', () => {
    const env = { MOORING_PORT: '1002', MOORING_PUBLIC_URL: 'https://env.example' }
    const { settings, provenance } = load({
      configFile: configFile(),
      env,
      flags: { port: '1003' },
    })
    expect(settings.port).toBe(1003)
    expect(settings.publicUrl).toBe('https://env.example')
    expect(provenance).toMatchObject({ port: 'flag', 'public-url': 'env' })
  })

  it('an empty variable is not set, and an undefined flag is not given', () => {
    const env = { MOORING_PORT: '', MOORING_DB_FILE: '' }
    expect(load({ env, flags: { port: undefined } }).provenance.port).toBe('default')
  })
})

describe('texts from flags and variables', () => {
  it('become what the setting is', () => {
    const { settings } = load({
      env: {
        MOORING_AUTH_ACCESS_TOKEN_TTL: '1h',
        MOORING_AUTH_REGISTRATION: 'false',
        MOORING_AUTH_CLIENT_DOCUMENTS: '0',
        MOORING_LIMITS_REQUEST_BYTES: '8MB',
        MOORING_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
        MOORING_ALLOWED_ORIGINS: 'https://a.example,http://localhost:3000',
        MOORING_LIMITS_CHILDREN: '3',
      },
    })
    expect(settings.auth).toMatchObject({
      accessTokenTtl: 3600,
      registration: false,
      clientDocuments: false,
    })
    expect(settings.limits).toMatchObject({ requestBytes: 8_000_000, children: 3 })
    expect(settings.trustedProxies).toEqual(['10.0.0.0/8', '::1'])
    expect(settings.allowedOrigins).toEqual(['https://a.example', 'http://localhost:3000'])
  })

  it.each([
    [{ MOORING_PORT: 'many' }, /MOORING_PORT: port must be a whole number .*it is "many"/],
    [{ MOORING_PORT: '70000' }, /from 0 to 65535/],
    [{ MOORING_AUTH_REGISTRATION: 'perhaps' }, /true or false/],
    [{ MOORING_AUTH_ACCESS_TOKEN_TTL: '1m' }, /from 5m to 1d/],
    [{ MOORING_AUTH_ACCESS_TOKEN_TTL: '299s' }, /from 5m to 1d/],
    [{ MOORING_AUTH_ACCESS_TOKEN_TTL: '25h' }, /from 5m to 1d/],
    [{ MOORING_AUTH_ACCESS_TOKEN_TTL: 'soon' }, /duration such as 15m/],
    [{ MOORING_LIMITS_REQUEST_BYTES: '4 apples' }, /size such as 4MB/],
    [{ MOORING_TRUSTED_PROXIES: 'proxy.example' }, /IP addresses or networks/],
    [{ MOORING_ALLOWED_ORIGINS: 'https://a.example/path' }, /not an origin/],
    [{ MOORING_ALLOWED_ORIGINS: 'http://a.example' }, /not an origin/],
    [{ MOORING_HOST: 'gateway.example' }, /must be an IP address/],
    [{ MOORING_DB: 'mysql://x' }, /postgres:\/\//],
    [{ MOORING_SANDBOX: 'on' }, /one of auto, off, required/],
    [{ MOORING_PUBLIC_URL: 'https://a.example/mcp' }, /write https:\/\/a\.example/],
  ])('%o is refused and named', (env, message) => {
    expect(refusal({ env }).message).toMatch(message)
  })

  it.each([
    ['5m', 300],
    ['24h', 86_400],
  ])('access tokens may live for %s', (text, seconds) => {
    const { settings } = load({ env: { MOORING_AUTH_ACCESS_TOKEN_TTL: text } })
    expect(settings.auth.accessTokenTtl).toBe(seconds)
  })

  it('localhost means one address, because the name may mean two', () => {
    expect(load({ flags: { host: 'localhost' } }).settings.host).toBe('127.0.0.1')
    expect(load({ flags: { host: '[::1]' } }).settings.host).toBe('::1')
  })

  it('a flag is named as the flag', () => {
    expect(refusal({ flags: { 'public-url': 'x' } }).message).toMatch(
      /^--public-url: public-url has no scheme/,
    )
  })

  it('an unknown variable is an error with the nearest one', () => {
    expect(refusal({ env: { MOORING_PUBLC_URL: 'https://a.example' } }).message).toBe(
      'MOORING_PUBLC_URL: There is no such setting. Did you mean MOORING_PUBLIC_URL?',
    )
  })

  it('variables that Kubernetes sets for a service called mooring do no harm, or are explained', () => {
    const env = { MOORING_SERVICE_HOST: '10.0.0.1', MOORING_PORT_8420_TCP: 'tcp://10.0.0.1:8420' }
    expect(load({ env }).settings.port).toBe(8420)
    expect(refusal({ env: { MOORING_PORT: 'tcp://10.0.0.1:8420' } }).message).toMatch(
      /enableServiceLinks: false/,
    )
  })
})

describe('secrets', () => {
  const key = `kkkk-${'0123456789'.repeat(3)}`

  it('can stand in a file that a variable names', () => {
    const db = file('postgres://anna:pw@db.example/mooring\n', 'db')
    const { settings, provenance } = load({
      env: { MOORING_DB_FILE: db, MOORING_KEY_FILE: file(`${key}\r\n`, 'key') },
    })
    expect(settings.db).toBe('postgres://anna:pw@db.example/mooring')
    expect(settings.key?.reveal()).toBe(key)
    expect(provenance).toMatchObject({ db: 'env', key: 'env' })
  })

  it('are refused when given twice or not readable', () => {
    const db = file('postgres://h/d', 'db')
    const twice = refusal({ env: { MOORING_DB: 'postgres://h/d', MOORING_DB_FILE: db } })
    expect(twice.message).toMatch(/MOORING_DB_FILE: MOORING_DB is set as well/)
    expect(refusal({ env: { MOORING_KEY_FILE: join(dir, 'none') } }).message).toMatch(
      /MOORING_KEY_FILE names .*cannot be read/,
    )
  })

  it('that anybody could guess are refused: short ones and simple ones', () => {
    for (const weak of ['k'.repeat(31), 'k'.repeat(64), 'changeme'.repeat(5), 'secret'.repeat(8)])
      expect(refusal({ env: { MOORING_KEY: weak } }).message).toMatch(/too short|too simple/)
  })

  it('only settings that are secret have a _FILE variable', () => {
    expect(refusal({ env: { MOORING_PORT_FILE: '/x' } }).message).toMatch(/no such setting/)
  })

  it('never appear in what is printed, logged or complained about', () => {
    const env = { MOORING_KEY: key, MOORING_DB: 'postgres://anna:canary1@h/d?password=canary2' }
    const loaded = load({ env })
    const shown = JSON.stringify(showSettings(loaded))
    expect(shown).not.toMatch(/canary|kkkk/)
    expect(shown).toContain('postgres://anna:[redacted]@h/d?[redacted]')
    expect(JSON.stringify(loaded.settings.key)).toBe('"[redacted]"')
    const wrong = refusal({
      env: { MOORING_KEY: 'canary3', MOORING_DB: 'canary4' },
      flags: { 'public-url': 'https://anna:canary5@a.example' },
    })
    expect(`${wrong.message}${JSON.stringify(wrong.data)}`).not.toMatch(/canary/)
  })
})

describe('the file', () => {
  it('is mooring.yaml of the data folder, when there is one', () => {
    const dataDir = join(dir, 'data')
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'mooring.yaml'), 'port: 1234\n')
    const loaded = load({ flags: { 'data-dir': 'data' } })
    expect(loaded.settings).toMatchObject({ port: 1234, dataDir })
    expect(loaded.configFile).toBe(join(dataDir, 'mooring.yaml'))
  })

  it('may be named by --config or MOORING_CONFIG, and must then exist', () => {
    file('port: 1234', 'other.yaml')
    expect(load({ configFile: 'other.yaml' }).settings.port).toBe(1234)
    expect(load({ env: { MOORING_CONFIG: 'other.yaml' } }).settings.port).toBe(1234)
    const missing = refusal({ configFile: 'nowhere.yaml' })
    expect(missing.message).toContain(join(dir, 'nowhere.yaml'))
    expect(missing.message).toContain('ENOENT')
  })

  it('may say where the data is, relative to itself, but not when it was found there', () => {
    mkdirSync(join(dir, 'etc'))
    file('data-dir: ../data', 'etc/mooring.yaml')
    expect(load({ configFile: 'etc/mooring.yaml' }).settings.dataDir).toBe(join(dir, 'data'))
    expect(refusal({ flags: { 'data-dir': 'etc' } }).message).toMatch(/use --data/)
  })

  it('~ is the home folder', () => {
    expect(load({ flags: { 'data-dir': '~/x' } }).settings.dataDir).toBe(join(dir, 'home', 'x'))
  })

  it('may be empty, and a setting without a value is not set', () => {
    expect(load({ configFile: file('') }).settings.port).toBe(8420)
    expect(load({ configFile: file('# nothing\n') }).settings.port).toBe(8420)
    const { settings } = load({ configFile: file('public-url:\nauth:\n') })
    expect(settings.publicUrl).toBeNull()
  })

  it('an unknown name is an error with its place and the nearest known one', () => {
    const path = file('port: 1\nauth:\n  registration: true\n  acces-token-ttl: 15m\n')
    const { message, data } = refusal({ configFile: path })
    expect(message).toBe(
      `${path}:4:3: There is no setting auth.acces-token-ttl. Did you mean auth.access-token-ttl?`,
    )
    expect(data?.problems).toHaveLength(1)
  })

  it('a wrong value is an error with its place', () => {
    const path = file('host: 127.0.0.1\nlimits:\n  children: "many"\n')
    expect(refusal({ configFile: path }).message).toBe(
      `${path}:3:13: limits.children must be a whole number from 1 to 10000 (it is "many").`,
    )
  })

  it('every mistake is reported at once, wherever it was made', () => {
    const configFile = file('prot: 1\nsandbox: maybe\n')
    const { data } = refusal({ configFile, env: { MOORING_PORT: 'x' }, flags: { host: 'y' } })
    const where = (data!.problems as { where: string }[]).map((problem) => problem.where)
    expect(where).toHaveLength(4)
    expect(where).toEqual(
      expect.arrayContaining([`${configFile}:1:1`, `${configFile}:2:10`, 'MOORING_PORT', '--host']),
    )
  })

  it('servers are not configured in the file', () => {
    expect(refusal({ configFile: file('servers:\n  a: {}\n') }).message).toMatch(
      /There is no setting servers/,
    )
  })

  it.each([
    ['a broken list', 'trusted-proxies: [1', /:1:/],
    ['a name given twice', 'port: 1\nport: 2\n', /:2:1: .*unique/i],
    ['two documents', 'port: 1\n---\nport: 2\n', /multiple documents/i],
    ['a list at the top', '- port\n', /list of settings/],
    ['a value where a group belongs', 'auth: 5\n', /:1:7: auth is a list of settings/],
    ['an alias', 'allowed-origins: &a [x]\ntrusted-proxies: *a\n', /:2:1: aliases/],
    ['a tag of another language', 'host: !!python/object x\n', /tag/i],
    ['a map where a value belongs', 'port: {a: 1}\n', /port must be a whole number/],
  ])('%s is refused', (_what, text, message) => {
    expect(refusal({ configFile: file(text) }).message).toMatch(message)
  })

  it('a bomb of aliases is refused without being blown up', () => {
    const levels = Array.from({ length: 40 }, (_, i) => `x${i + 1}: &x${i + 1} [*x${i}, *x${i}]`)
    const bomb = ['x0: &x0 [a, a]', ...levels, 'trusted-proxies: *x40'].join('\n')
    const started = performance.now()
    refusal({ configFile: file(bomb) })
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('a tower of brackets, a huge file and binary rubbish are refused', () => {
    refusal({ configFile: file('['.repeat(200_000)) })
    expect(refusal({ configFile: file(`# ${'x'.repeat(1_000_001)}`) }).message).toMatch(/bytes/)
    const binary = join(dir, 'binary')
    writeFileSync(binary, Buffer.from([0xff, 0xfe, 0x00, 0x80]))
    expect(refusal({ configFile: binary }).message).toMatch(/not UTF-8/)
    expect(refusal({ configFile: dir }).message).toMatch(/cannot be read/)
  })
})

describe('every setting', () => {
  it.each(options.map((option) => [option.key, option] as const))(
    '%s is described',
    (_key, option) => {
      expect(option.about).toMatch(/^[A-Z].*\.$/)
      expect(option.env).toMatch(/^MOORING_[A-Z0-9_]+$/)
    },
  )

  it('has a variable of its own', () => {
    const names = options.flatMap(({ env, secret }) => (secret ? [env, `${env}_FILE`] : [env]))
    expect(new Set(names).size).toBe(names.length)
  })

  it('is shown as it is written in the file', () => {
    const shown = showSettings(load({ configFile: file('limits: { call-timeout: 90 }') }))
    expect(shown).toHaveLength(options.length)
    expect(shown).toContainEqual({ key: 'limits.call-timeout', value: '90s', from: 'file' })
    expect(shown).toContainEqual({ key: 'limits.request-bytes', value: '4MiB', from: 'default' })
    expect(shown).toContainEqual({ key: 'key', value: null, from: 'default' })
  })
})
