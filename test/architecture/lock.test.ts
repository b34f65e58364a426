// package-lock.json has to work on every system, not only on the one that wrote it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { entryFor, missingFrom } from '../../.ci/complete-lock.js'
import { root } from './source-files.ts'

describe('the lock file', () => {
  it('has an entry for every optional package of other systems (else: node .ci/complete-lock.js)', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, object>
    }
    expect(missingFrom(lock.packages)).toEqual([])
  })

  it('is found incomplete when a package for another system is left out', () => {
    const packages = {
      'node_modules/a': { dev: true, optionalDependencies: { '@a/linux-x64': '1.0.0' } },
      'node_modules/b': { optionalDependencies: { '@b/win32-x64': '2.0.0' } },
      'node_modules/b/node_modules/@b/win32-x64': {},
    }
    expect(missingFrom(packages)).toEqual([{ name: '@a/linux-x64', version: '1.0.0', dev: true }])
  })

  it('is completed with the system that the name tells', () => {
    expect(entryFor({ name: '@a/linux-arm64-musl', version: '1.0.0', dev: true })).toEqual({
      version: '1.0.0',
      cpu: ['arm64'],
      libc: ['musl'],
      dev: true,
      optional: true,
      os: ['linux'],
    })
    expect(() => entryFor({ name: 'fsevents', version: '^2.0.0', dev: false })).toThrow(/fsevents/)
  })
})
