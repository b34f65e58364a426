// docs/matrix.md is the project's own account of what holds. It must be complete, and every test it names must run.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { areas } from '../defences/areas.ts'
import { root } from './source-files.ts'
import { statements } from './statements.ts'

const STATES = ['holds', 'partly', 'not yet', 'impossible']

interface Row {
  id: string
  state: string
  statement: string
  /** `path › title` for each test. */
  tests: { path: string; title: string }[]
  note: string
}

/** Rows `| C1 | holds | what | note, and tests as [path › title] |`. */
function rowsOf(markdown: string): Row[] {
  return markdown
    .split('\n')
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .filter((cells) => cells.length === 6 && /^[A-Z]\d+b?$/.test(cells[1]!))
    .map(([, id, state, statement, evidence]) => {
      const tests = [...evidence!.matchAll(/\[([^\]›]+) › ([^\]]+)\]/g)]
      return {
        id: id!,
        state: state!,
        statement: statement!,
        tests: tests.map(([, path, title]) => ({ path: path!.trim(), title: title!.trim() })),
        note: evidence!.replace(/\[[^\]]+\]/g, '').trim(),
      }
    })
}

/** Why the named test does not count, or null. */
function flaw({ path, title }: { path: string; title: string }, read = readTest): string | null {
  const text = read(path)
  if (text === null) return `${path} does not exist`
  const quoted = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll("'", "\\\\?'")
  const at = text.search(new RegExp(`\\(\\s*(['"\`])${quoted}\\1`))
  const call = [...text.slice(0, at + 1).matchAll(/\b(?:it|test)((?:\.\w+)*)\s*[(`<]/g)].at(-1)
  if (at < 0 || !call) return `${path} has no test "${title}"`
  return /skip|todo|fails|runIf/i.test(call[1]!) ? `"${title}" in ${path} is skipped` : null
}

function readTest(path: string): string | null {
  const file = join(root, path)
  return /\.test\.ts$/.test(path) && existsSync(file) ? readFileSync(file, 'utf8') : null
}

const rows = rowsOf(readFileSync(join(root, 'docs/matrix.md'), 'utf8'))

describe('the matrix', () => {
  it('has exactly one row for every acceptance statement, in order', () => {
    expect(rows.map(({ id }) => id)).toEqual(Object.values(statements).flat())
  })

  it('gives every row one of the four states', () => {
    expect(rows.filter(({ state }) => !STATES.includes(state))).toEqual([])
  })

  it('names a test for whatever holds, even partly', () => {
    const bare = rows.filter(
      ({ state, tests }) => (state === 'holds' || state === 'partly') && tests.length === 0,
    )
    expect(bare.map(({ id }) => id)).toEqual([])
  })

  it('says what is missing or why, for whatever does not hold whole', () => {
    const mute = rows.filter(({ state, note }) => state !== 'holds' && note.length < 8)
    expect(mute.map(({ id }) => id)).toEqual([])
  })

  it('names only tests that exist and are not skipped', () => {
    const flaws = rows.flatMap(({ id, tests }) =>
      tests.flatMap((test) => {
        const why = flaw(test)
        return why ? [`${id}: ${why}`] : []
      }),
    )
    expect(flaws).toEqual([])
  })

  it('has, for every attack that is met, a defence that can be switched off', async () => {
    const defended = new Set([...(await areas()).values()].flat().map(({ row }) => row))
    const met = rows.filter(({ id, state }) => id.startsWith('A') && state === 'holds')
    expect(met.map(({ id }) => id).filter((id) => !defended.has(id))).toEqual([])
  })

  it('has a row for every defence, and that a test', async () => {
    const ids = new Set(rows.map(({ id }) => id))
    const flaws = [...(await areas()).values()].flat().flatMap(({ row, test, title }) => {
      const why = ids.has(row) ? flaw({ path: test, title }) : `${row} is no row`
      // Some need what a machine may lack; the machine that runs all defences has it.
      return why && !why.endsWith('is skipped') ? [`${row}: ${why}`] : []
    })
    expect(flaws).toEqual([])
  })
})

describe('a test named in the matrix', () => {
  const text = `describe('x', () => {\n  it('does it', async () => {})\n  it.skip('waits', () => {})
  it.skipIf(true)('depends', () => {})\n  it.each([1])('is "odd" %i', () => {})
  it('is somebody\\'s', () => {})\n})`
  const why = (title: string) => flaw({ path: 'a.test.ts', title }, () => text)

  it('counts when it exists', () => {
    expect(why('does it')).toBeNull()
    expect(why('is "odd" %i')).toBeNull()
    expect(why("is somebody's")).toBeNull()
  })

  it('does not count when it is missing or skipped, always or sometimes', () => {
    expect(why('does nothing')).toMatch(/has no test/)
    expect(why('waits')).toMatch(/skipped/)
    expect(why('depends')).toMatch(/skipped/)
    expect(flaw({ path: 'nowhere.test.ts', title: 'x' })).toMatch(/does not exist/)
  })
})
