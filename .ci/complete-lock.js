// Adds to package-lock.json the entries of optional packages for other systems. npm leaves them out when it could not see
// them while it wrote the file, and then "npm ci" refuses the file everywhere. Run it after a change of dependencies.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SYSTEMS = 'android darwin linux win32 freebsd openbsd netbsd sunos aix openharmony'.split(' ')
const PROCESSORS = 'x64 arm64 ia32 arm riscv64 s390x ppc64 loong64 mips64el wasm32'.split(' ')

/** Optional packages that the lock file asks for and has no entry of: `[name, exact version, dev]`. */
export function missingFrom(packages) {
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {}, dev }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !reachable(packages, path, name))
      .map(([name, version]) => ({ name, version, dev: dev === true })),
  )
}

/** Node's own look-up: beside the package, then in every folder above it. */
function reachable(packages, path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    if (packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`]) return true
    if (at === '') return false
  }
}

/** Packages for one system say so in their name. */
export function entryFor({ name, version, dev }) {
  const words = name.split('/').at(-1).split(/[-_.]/)
  const os = SYSTEMS.filter((system) => words.includes(system))
  const cpu = PROCESSORS.filter((processor) => words.includes(processor))
  if (!/^\d/.test(version) || (os.length === 0 && cpu.length === 0))
    throw new Error(`Cannot tell the system of ${name}@${version}: add it with npm install.`)
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc'
  return {
    version,
    ...(cpu.length > 0 && { cpu }),
    ...(os[0] === 'linux' && words.some((word) => /^(musl|gnu)/.test(word)) && { libc: [libc] }),
    ...(dev && { dev }),
    optional: true,
    ...(os.length > 0 && { os }),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('../package-lock.json', import.meta.url)
  const lock = JSON.parse(readFileSync(file, 'utf8'))
  const missing = missingFrom(lock.packages)
  for (const one of missing) lock.packages[`node_modules/${one.name}`] = entryFor(one)
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))
  lock.packages = Object.fromEntries(sorted)
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
  console.log(`${missing.length} entries added`)
}
