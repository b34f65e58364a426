import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Secret } from '../kernel/secret.ts'
import {
  checkName,
  checkNewSpec,
  checkSecret,
  checkSpec,
  secretFrom,
  secretText,
} from './server-input.ts'

test('names are short, lower case and cannot be taken for a separator or for the gateway', () => {
  for (const name of ['a', '0', 'my-notes', 'a'.repeat(32)]) expect(checkName(name)).toBe(name)
  for (const name of [
    '',
    'A',
    'a_b',
    'a__b',
    '-a',
    'a.b',
    'a'.repeat(33),
    'é',
    'a b',
    'mooring',
    'a\n',
  ])
    expect(() => checkName(name), name).toThrow(/name/)
})

test('kinds that are still to come say so', () => {
  for (const kind of ['openapi', 'cli'])
    expect(() => checkSpec({ kind })).toThrow(`${kind} are not available in this version`)
  for (const spec of [null, {}, { kind: 'ftp' }, { kind: 'http' }, { kind: 'stdio', command: 'x' }])
    expect(() => checkSpec(spec)).toThrow('is wrong at')
})

test('a field that nobody knows is a mistake, not ignored', () => {
  expect(() => checkSpec({ kind: 'http', url: 'https://x/', shell: true })).toThrow('wrong')
})

test('addresses keep to the rules for addresses: private ones yes, metadata services never', () => {
  for (const url of [
    'http://127.0.0.1:3000/mcp',
    'http://localhost/x',
    'https://10.0.0.8/',
    'https://mcp.example.com/mcp',
  ])
    expect(checkSpec({ kind: 'http', url })).toEqual({ kind: 'http', url })
  for (const url of [
    'http://169.254.169.254/',
    'file:///etc/passwd',
    'javascript:1',
    'https://u:p@x.example/',
    'nonsense',
  ])
    expect(() => checkSpec({ kind: 'sse', url }), url).toThrow()
})

test('arguments are taken as they are, whatever a shell would make of them; NUL is refused', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (args) => {
      const spec = { kind: 'stdio', command: 'x', args }
      if (args.some((arg) => arg.includes('\0'))) expect(() => checkSpec(spec)).toThrow('NUL')
      else expect(checkSpec(spec)).toEqual(spec)
    }),
  )
})

test('no setting of the gateway can be handed to a program', () => {
  const env = { MOORING_DB: 'x' }
  expect(() => checkSpec({ kind: 'stdio', command: 'x', args: [], env })).toThrow('MOORING_DB')
  for (const name of ['a b', '1A', '', 'A=B'])
    expect(() =>
      checkSpec({ kind: 'stdio', command: 'x', args: [], env: { [name]: '1' } }),
    ).toThrow('environment')
})

const http = { kind: 'http' as const, url: 'https://x.example/' }
const stdio = { kind: 'stdio' as const, command: 'x', args: [] }
const headers = (name: string, value = 'v') => ({ headers: { [name]: new Secret(value) } })

test('headers are for servers with a URL, environment is for programs', () => {
  expect(() => checkSecret(stdio, headers('X-Key'))).toThrow('URL')
  expect(() => checkSecret(http, { env: { KEY: new Secret('v') } })).toThrow('programs')
  expect(() => checkSecret(stdio, { env: { KEY: new Secret('v') } })).not.toThrow()
})

test('headers of the gateway, and values that could smuggle a second header, are refused without being shown', () => {
  for (const name of [
    'Host',
    'content-length',
    'Mcp-Session-Id',
    'mcp-param-x',
    'Transfer-Encoding',
    'a b',
    '',
  ])
    expect(() => checkSecret(http, headers(name)), name).toThrow()
  for (const value of ['a\r\nX-Evil: 1', 'a\nb', 'a\0b', '日本']) {
    expect(() => checkSecret(http, headers('X-Key', value))).toThrow('cannot carry')
    expect(() => checkSecret(http, headers('X-Key', value))).not.toThrow('Evil')
  }
})

test('a secret comes back as it was; an empty one is none', () => {
  const text = secretText({ headers: { 'X-A': new Secret('1') }, env: { B: new Secret('2') } })
  const back = secretFrom(text!)
  expect([back.headers?.['X-A']?.reveal(), back.env?.B?.reveal()]).toEqual(['1', '2'])
  expect(String(back.headers?.['X-A'])).toBe('[redacted]')
  for (const nothing of [undefined, {}, { headers: {} }]) expect(secretText(nothing)).toBeNull()
})

test('no variable through which other code gets into a program is taken, open or secret', () => {
  for (const name of [
    'LD_PRELOAD',
    'LD_AUDIT',
    'DYLD_INSERT_LIBRARIES',
    'NODE_OPTIONS',
    'BASH_ENV',
    'PERL5OPT',
    'RUBYOPT',
    'PYTHONSTARTUP',
    'JAVA_TOOL_OPTIONS',
    'GIT_SSH_COMMAND',
    'npm_config_script_shell',
    'node_options',
  ]) {
    expect(() => checkNewSpec({ ...stdio, env: { [name]: 'x' } }), name).toThrow('other code')
    expect(() => checkSecret(stdio, { env: { [name]: new Secret('x') } }), name).toThrow(
      'other code',
    )
  }
  const env = {
    PATH: '/opt/x',
    NODE_EXTRA_CA_CERTS: '/ca.pem',
    API_KEY: 'k',
    NODE_ENV: 'production',
    PYTHONPATH: '/x',
  }
  expect(checkNewSpec({ ...stdio, env })).toMatchObject({ env })
})
