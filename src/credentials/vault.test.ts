import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isAppError } from '../kernel/app-error.ts'
import { Secret } from '../kernel/secret.ts'
import { openVault } from './vault.ts'

const key = (byte: number) => new Secret(Buffer.alloc(32, byte).toString('base64url'))

function refusal(run: () => unknown) {
  try {
    run()
  } catch (error) {
    if (isAppError(error)) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a sealed secret', () => {
  const vault = openVault({ key: key(1) })

  it('opens with the same key in the same place', () => {
    for (const plain of ['', 'sesame', 'ünïcode 🛟', 'x'.repeat(100_000)])
      expect(vault.open(vault.seal(plain, 'servers.secret.srv_1'), 'servers.secret.srv_1')).toBe(
        plain,
      )
  })

  it('looks different every time and shows nothing of its content', () => {
    const first = vault.seal('sesame', 'a')
    expect(first).not.toBe(vault.seal('sesame', 'a'))
    expect(first).toMatch(new RegExp(`^v1\\.${vault.keyId}\\.[A-Za-z0-9_-]+$`))
    expect(Buffer.from(first.split('.')[2]!, 'base64url').includes('sesame')).toBe(false)
  })

  it('does not open in another place', () => {
    const error = refusal(() => vault.open(vault.seal('sesame', 'row 1'), 'row 2'))
    expect(error.code).toBe('secret_unreadable')
    expect(error.remedy).toContain('mooring.key')
    expect(error.message).not.toContain('sesame')
  })

  it('does not open with another key, and both keys are named', () => {
    const other = openVault({ key: key(2) })
    const error = refusal(() => other.open(vault.seal('sesame', 'a'), 'a'))
    expect(error.code).toBe('secret_unreadable')
    expect(error.message).toContain(vault.keyId)
    expect(error.message).toContain(other.keyId)
  })

  it('does not open under a header that claims another key', () => {
    const other = openVault({ key: key(2) })
    const forged = vault.seal('sesame', 'a').replace(vault.keyId, other.keyId)
    expect(refusal(() => other.open(forged, 'a')).code).toBe('secret_unreadable')
  })

  it('does not open after any byte was changed, or cut off', () => {
    const sealed = vault.seal('sesame', 'a')
    const [version, id, body] = sealed.split('.') as [string, string, string]
    const bytes = Buffer.from(body, 'base64url')
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes)
      changed[i]! ^= 1
      const text = `${version}.${id}.${changed.toString('base64url')}`
      expect(refusal(() => vault.open(text, 'a')).code).toBe('secret_unreadable')
    }
    for (const broken of [
      '',
      'v1',
      `v1.${id}.`,
      `v2.${id}.${body}`,
      `${sealed}.x`,
      sealed.slice(0, -9),
    ])
      expect(refusal(() => vault.open(broken, 'a')).code).toBe('secret_unreadable')
  })
})

describe('a key from the configuration', () => {
  it('may be base64, base64url or hexadecimal', () => {
    const raw = Buffer.alloc(32, 0xfb)
    const ids = ['base64', 'base64url', 'hex'].map(
      (form) => openVault({ key: new Secret(`${raw.toString(form as BufferEncoding)}\n`) }).keyId,
    )
    expect(new Set(ids).size).toBe(1)
  })

  it('of the wrong form is refused without being shown', () => {
    for (const wrong of ['', 'hunter2hunter2', 'A'.repeat(42), 'g'.repeat(64)]) {
      const error = refusal(() => openVault({ key: new Secret(wrong) }))
      expect(error.code).toBe('config_invalid')
      expect(error.remedy).toContain('openssl rand')
      if (wrong) expect(error.message).not.toContain(wrong)
    }
  })
})

describe('the key file', () => {
  let dir = ''
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'mooring-vault-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('is made once, private, and used from then on', () => {
    const sealed = openVault({ dir }).seal('sesame', 'a')
    expect(statSync(join(dir, 'mooring.key')).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir)).toEqual(['mooring.key'])
    expect(openVault({ dir }).open(sealed, 'a')).toBe('sesame')
  })

  it('is closed to others when it was left open', () => {
    openVault({ dir })
    chmodSync(join(dir, 'mooring.key'), 0o644)
    openVault({ dir })
    expect(statSync(join(dir, 'mooring.key')).mode & 0o777).toBe(0o600)
  })

  it('that is damaged is refused, and not replaced', () => {
    writeFileSync(join(dir, 'mooring.key'), 'half a k')
    expect(refusal(() => openVault({ dir })).code).toBe('config_invalid')
    expect(readFileSync(join(dir, 'mooring.key'), 'utf8')).toBe('half a k')
  })

  it('in a folder that cannot be used is a readable error', () => {
    writeFileSync(join(dir, 'file'), '')
    const error = refusal(() => openVault({ dir: join(dir, 'file') }))
    expect(error.code).toBe('data_locked')
    expect(error.remedy).toBeTruthy()
  })

  it('is the same for processes that start together', async () => {
    const program = `import { openVault } from ${JSON.stringify(import.meta.resolve('./vault.ts'))}
      console.log(openVault({ dir: process.argv[1] }).keyId)`
    const ids = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir])
        let out = ''
        for await (const chunk of child.stdout) out += chunk
        return out.trim()
      }),
    )
    expect(new Set(ids)).toEqual(new Set([openVault({ dir }).keyId]))
    expect(readdirSync(dir)).toEqual(['mooring.key'])
  })
})
