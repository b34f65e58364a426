// Makes a fresh clone ready: installs node_modules when they are missing or older than package-lock.json.
// Runs before "npm start" and "npm test" with whatever Node the machine has (20.19 is enough); needs no package.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { olderThan } from '../bin/node-version.js'

const root = process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url)))
const lockFile = join(root, 'package-lock.json')
const APT = '/usr/bin/apt-get'
const stampFile = join(root, 'node_modules', '.mooring-setup')

if (olderThan(process.version, '20.19.0'))
  fail(
    `Node ${process.version} is too old even to install the packages; 20.19 or newer is needed.`,
    'install Node 24 from https://nodejs.org.',
  )

const stamp = createHash('sha256').update(readFileSync(lockFile)).digest('hex')
if (read(stampFile) !== stamp) {
  if (!installed()) install()
  writeFileSync(stampFile, stamp)
}
if (['pretest', 'test:long', 'setup'].includes(process.env.npm_lifecycle_event ?? ''))
  checkMachine()

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

/** Whether npm's own record of node_modules holds everything that the lock file asks for. */
function installed() {
  const record = read(join(root, 'node_modules', '.package-lock.json'))
  if (!record) return false
  const have = JSON.parse(record).packages
  const want = JSON.parse(readFileSync(lockFile, 'utf8')).packages
  return Object.entries(want).every(
    ([path, entry]) =>
      path === '' ||
      entry.link ||
      have[path]?.version === entry.version ||
      (!have[path] && (entry.optional || entry.devOptional || entry.peer)),
  )
}

function install() {
  const tty = process.stderr.isTTY
  if (tty) process.stderr.write('Installing packages (once, about a minute) …\n')
  const npm = process.env.npm_execpath
  const args = ['ci', '--no-audit', '--no-fund', tty ? '--loglevel=warn' : '--loglevel=error']
  const [command, ...rest] = npm ? [process.execPath, npm, ...args] : ['npm', ...args]
  const done = spawnSync(command, rest, {
    cwd: root,
    stdio: tty ? 'inherit' : ['ignore', 'ignore', 'inherit'],
    shell: !npm && process.platform === 'win32',
  })
  if (done.error)
    fail(
      `npm does not start: ${done.error.message}`,
      'install Node 24 from https://nodejs.org, which brings npm.',
    )
  if (done.status !== 0) {
    fail(
      `"npm ci" ended with code ${done.status ?? done.signal}. Its own message stands above.`,
      'mend what it names (network, proxy, space on the disk), then start again.',
    )
  }
}

/** The test suite also drives a browser, a Postgres cluster, a sandbox and proxies; without one of them, its tests cannot run. */
function checkMachine() {
  const missing = [
    {
      package: 'chromium',
      found: onPath('chromium') || onPath('chromium-browser') || onPath('google-chrome'),
    },
    { package: 'postgresql', found: onPath('initdb') || debianPostgres() },
    { package: 'bubblewrap', found: onPath('bwrap') || process.platform !== 'linux' },
    // Programs that the tests put in front of the gateway, or that make the machine misbehave.
    ...['nginx', 'haproxy', 'caddy', 'slowhttptest', 'faketime', 'strace'].map((name) => ({
      package: name === 'nginx' ? 'nginx-light' : name,
      found: onPath(name) || onPath(name, '/usr/sbin') || process.platform !== 'linux',
    })),
  ].filter(({ found }) => !found)
  if (missing.length === 0) return
  const packages = missing.map((tool) => tool.package)
  if (process.env.CI === 'true' && process.getuid?.() === 0 && existsSync(APT)) {
    process.stderr.write(`Installing ${packages.join(', ')} for the tests …\n`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const options = { env, stdio: ['ignore', 'ignore', 'inherit'] }
    spawnSync(APT, ['update', '-qq'], options)
    const done = spawnSync(
      APT,
      ['install', '-qq', '-y', '--no-install-recommends', ...packages],
      options,
    )
    if (done.status === 0) return
  }
  process.stderr.write(
    `Some tests need programs that are not here: ${packages.join(', ')}. ` +
      `On Debian or Ubuntu: sudo apt-get install ${packages.join(' ')}\n`,
  )
}

function onPath(program, path = process.env.PATH ?? '') {
  return path.split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK)
      return true
    } catch {
      // Not in this folder: the next one may have it.
      return false
    }
  })
}

/** Debian keeps the server programs off PATH. */
function debianPostgres() {
  const base = '/usr/lib/postgresql'
  if (!existsSync(base)) return false
  return readdirSync(base).some((version) => existsSync(join(base, version, 'bin', 'initdb')))
}

function fail(message, remedy) {
  process.stderr.write(`${message}\nFix: ${remedy}\n`)
  process.exit(1)
}
