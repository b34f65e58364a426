// The import direction of the rooms, read from the source. Rooms on one level never know each other.
import { describe, expect, it } from 'vitest'
import { filesUnder, type Import, importsOf, isTest, roomOf } from './source-files.ts'

/** Lowest first. A room may import itself and every lower level, nothing else. */
const LEVELS = [
  ['kernel'],
  ['config', 'telemetry'],
  ['store'],
  ['logs'],
  ['access', 'grants', 'people', 'catalog', 'credentials'],
  ['approvals', 'servers'],
  ['http', 'admin', 'pages', 'authserver', 'gateway'],
  ['compose'],
  ['cli'],
]
/** Programs that run without a gateway: they see the three lowest rooms, and only the command line sees them. */
const APART = ['bridge', 'clients', 'doctor']
const LOWEST = ['config', 'telemetry', 'kernel']

const levelOf = (room: string) => LEVELS.findIndex((rooms) => rooms.includes(room))

function mayImport(from: string, to: string): boolean {
  if (from === to) return true
  if (APART.includes(from)) return LOWEST.includes(to)
  if (APART.includes(to)) return from === 'cli'
  return levelOf(to) < levelOf(from)
}

const sources = filesUnder('src', ['.ts']).filter(({ path }) => !isTest(path))
const imports = sources.flatMap(importsOf)
const ours = imports.filter(
  (entry): entry is Import & { target: string } => entry.target?.startsWith('src/') ?? false,
)
const show = ({ from, specifier }: Import) => `${from} imports ${specifier}`

describe('the import graph', () => {
  it('knows every room that exists', () => {
    const known = new Set([...LEVELS.flat(), ...APART])
    expect(sources.map(({ path }) => roomOf(path)).filter((room) => !known.has(room))).toEqual([])
  })

  it('points downward only, and never sideways', () => {
    const wrong = ours.filter(({ from, target }) => !mayImport(roomOf(from), roomOf(target)))
    expect(wrong.map(show)).toEqual([])
  })

  it('would notice an import that points up or sideways', () => {
    expect(mayImport('kernel', 'config')).toBe(false)
    expect(mayImport('people', 'grants')).toBe(false)
    expect(mayImport('authserver', 'pages')).toBe(false)
    expect(mayImport('gateway', 'compose')).toBe(false)
    expect(mayImport('bridge', 'store')).toBe(false)
    expect(mayImport('gateway', 'servers')).toBe(true)
    const file = { path: 'src/a/b.ts', text: "import {\n  x,\n} from '../c/d.ts'\n", lines: 3 }
    expect(importsOf(file)).toEqual([
      { from: 'src/a/b.ts', specifier: '../c/d.ts', target: 'src/c/d.ts', typeOnly: false },
    ])
    const lazy = { ...file, text: "const y = await import('../e/f.ts')" }
    expect(importsOf(lazy)[0]?.target).toBe('src/e/f.ts')
  })

  it('keeps the kinds of servers apart', () => {
    const kindOf = (path: string) => /^src\/servers\/([^/]+)\//.exec(path)?.[1]
    const wrong = ours.filter(({ from, target }) => {
      const [a, b] = [kindOf(from), kindOf(target)]
      return a !== undefined && b !== undefined && a !== b
    })
    expect(wrong.map(show)).toEqual([])
  })

  it('keeps the two protocol eras apart', () => {
    const eraOf = (path: string) => /^src\/gateway\/eras\/([^/]+)\//.exec(path)?.[1]
    const wrong = ours.filter(({ from, target }) => {
      const [a, b] = [eraOf(from), eraOf(target)]
      return a !== undefined && b !== undefined && a !== b
    })
    expect(wrong.map(show)).toEqual([])
  })

  it('has no cycle between files', () => {
    expect(cycles(ours.filter(({ typeOnly }) => !typeOnly))).toEqual([])
  })

  it('would notice a cycle', () => {
    const edge = (from: string, target: string) => ({ from, specifier: target, target })
    expect(cycles([edge('a', 'b'), edge('b', 'c'), edge('c', 'a')])).toEqual(['a → b → c → a'])
  })

  it('leaves the 1.x SDK to the tests', () => {
    const old = imports.filter(({ specifier }) => /^@modelcontextprotocol\/sdk\b/.test(specifier))
    expect(old.map(show)).toEqual([])
  })

  it('never reaches from src into the tests or the tools', () => {
    const out = imports.filter(({ target }) => target !== null && !target.startsWith('src/'))
    expect(out.map(show)).toEqual([])
  })

  it('names the extension in every relative import, as an unbuilt program needs it', () => {
    const bare = imports.filter(({ target }) => target !== null && !/\.(ts|json)$/.test(target))
    expect(bare.map(show)).toEqual([])
  })

  it('opens HTTP connections only in the rooms that talk to the outside', () => {
    const may = /^src\/(kernel|servers|gateway|cli|admin|bridge|doctor)\//
    const clients = imports.filter(
      ({ from, specifier }) => /^(undici|node:https?2?)$/.test(specifier) && !may.test(from),
    )
    const listeners = clients.filter(
      ({ from }) => !/^src\/(http\/|compose\.ts|authserver\/)/.test(from),
    )
    expect(listeners.map(show)).toEqual([])
  })
})

/** Every cycle once, as `a → b → a`. */
function cycles(edges: readonly { from: string; target: string }[]): string[] {
  const next = Map.groupBy(edges, ({ from }) => from)
  const done = new Set<string>()
  const found: string[] = []
  const walk = (file: string, trail: string[]) => {
    const seenAt = trail.indexOf(file)
    if (seenAt >= 0) {
      found.push([...trail.slice(seenAt), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const { target } of next.get(file) ?? []) walk(target, [...trail, file])
    done.add(file)
  }
  for (const file of next.keys()) walk(file, [])
  return found
}
