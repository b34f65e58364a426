import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'setup-'))
  lock('1.0.0')
})
afterEach(() => rmSync(dir, { recursive: true }))

const packages = (version: string) => ({ '': {}, 'node_modules/a': { version } })
const lock = (version: string) =>
  writeFileSync(join(dir, 'package-lock.json'), JSON.stringify({ packages: packages(version) }))

function installed(version: string) {
  mkdirSync(join(dir, 'node_modules'), { recursive: true })
  const record = JSON.stringify({ packages: packages(version) })
  writeFileSync(join(dir, 'node_modules', '.package-lock.json'), record)
}

/** An npm that notes how it was called and does what it should, or fails. */
function fakeNpm(exit = 0) {
  const script = join(dir, 'npm.mjs')
  writeFileSync(
    script,
    `import { appendFileSync, mkdirSync } from 'node:fs'
     mkdirSync('node_modules', { recursive: true })
     appendFileSync('called', process.argv.slice(2).join(' ') + '\\n')
     process.exit(${exit})`,
  )
  return script
}

const setup = (env: Record<string, string> = {}, exit = 0) =>
  spawnSync(process.execPath, ['tools/setup.js', dir], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, npm_execpath: fakeNpm(exit), ...env },
  })

const calls = () =>
  existsSync(join(dir, 'called'))
    ? readFileSync(join(dir, 'called'), 'utf8').trim().split('\n')
    : []

describe('setting a clone up', () => {
  it('installs what the lock file asks for when nothing is there, quietly, and once', () => {
    const first = setup()
    expect([first.status, first.stdout, first.stderr]).toEqual([0, '', ''])
    expect(calls()).toEqual(['ci --no-audit --no-fund --loglevel=error'])
    expect(setup().status).toBe(0)
    expect(calls()).toHaveLength(1)
  })

  it('installs again when the lock file has changed', () => {
    setup()
    lock('2.0.0')
    expect(setup().status).toBe(0)
    expect(calls()).toHaveLength(2)
  })

  it('leaves alone what npm itself has installed', () => {
    installed('1.0.0')
    expect(setup().status).toBe(0)
    expect(calls()).toEqual([])
  })

  it('does not trust what npm installed for another lock file', () => {
    installed('0.9.0')
    setup()
    expect(calls()).toHaveLength(1)
  })

  it('says how to go on when npm fails, and tries again next time', () => {
    const failed = setup({}, 7)
    expect(failed.status).toBe(1)
    expect(failed.stderr).toMatch(/"npm ci" ended with code 7[\s\S]*Fix: mend what it names/)
    setup({}, 0)
    expect(calls()).toHaveLength(2)
  })
})

describe('before the tests', () => {
  it('names programs that are missing, with the Debian command', () => {
    const empty = join(dir, 'bin')
    mkdirSync(empty)
    const { status, stderr } = setup({ PATH: empty, npm_lifecycle_event: 'pretest' })
    expect(status).toBe(0)
    expect(stderr).toMatch(/apt-get install .*chromium/)
  })

  it('says nothing when they are there, or when only the gateway is started', () => {
    const bin = join(dir, 'bin')
    mkdirSync(bin)
    const proxies = ['nginx', 'haproxy', 'caddy']
    const others = ['chromium', 'initdb', 'bwrap', 'slowhttptest', 'faketime', 'strace']
    for (const program of [...others, ...proxies]) {
      writeFileSync(join(bin, program), '')
      chmodSync(join(bin, program), 0o755)
    }
    expect(setup({ PATH: bin, npm_lifecycle_event: 'pretest' }).stderr).toBe('')
    expect(setup({ PATH: dir, npm_lifecycle_event: 'start' }).stderr).toBe('')
  })
})

describe('the version of Node', () => {
  const isOlder = (version: string) =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { MINIMUM, olderThan } from './bin/node-version.js'
         process.stdout.write(String(olderThan(${JSON.stringify(version)}, MINIMUM)))`,
      ],
      { encoding: 'utf8' },
    ).stdout

  it.each([
    ['v20.20.2', 'true'],
    ['v22.18.9', 'true'],
    ['v22.19.0', 'false'],
    ['v22.20.0', 'false'],
    ['v24.0.0', 'false'],
    ['v9.99.99', 'true'],
  ])('%s is too old: %s', (version, older) => {
    expect(isOlder(version)).toBe(older)
  })

  it('that runs the tests is new enough', () => {
    expect(spawnSync(process.execPath, ['tools/check-node.js']).status).toBe(0)
  })
})
