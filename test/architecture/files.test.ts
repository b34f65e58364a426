// Rules that hold for every file: size, header, names, and no clock or chance outside the kernel.
import { describe, expect, it } from 'vitest'
import { filesUnder, isTest, type SourceFile } from './source-files.ts'

const source = filesUnder('src', ['.ts'])
const product = source.filter(({ path }) => !isTest(path))
const tests = [...source.filter(({ path }) => isTest(path)), ...filesUnder('test', ['.test.ts'])]
const all = [...source, ...filesUnder('test', ['.ts']), ...filesUnder('tools', ['.ts', '.js'])]

const MAX_LINES = 400
const isTooLong = ({ text, lines }: Pick<SourceFile, 'text' | 'lines'>) =>
  lines > MAX_LINES && !/^\/\/.*\blong because\b/im.test(text.split('\n').slice(0, 5).join('\n'))

/** Code without comments, so that a comment may name what the code must not use. */
const code = ({ text }: SourceFile) =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')

const paths = (files: readonly SourceFile[]) => files.map(({ path }) => path)

describe('every file', () => {
  it('but for tests stays under 400 lines, or says in its header why it is "long because"', () => {
    expect(paths(all.filter((file) => !isTest(file.path) && isTooLong(file)))).toEqual([])
  })

  it('would be noticed with 401 lines, and let pass with a reason', () => {
    const body = 'x\n'.repeat(401)
    expect(isTooLong({ text: body, lines: 401 })).toBe(true)
    expect(isTooLong({ text: `// Long because it is one table.\n${body}`, lines: 402 })).toBe(false)
  })

  it('begins with a comment that says what it is for', () => {
    const mute = all.filter(
      ({ path, text }) => !isTest(path) && !/^(#!.*\n)?(\/\/ |\/\*\*)/.test(text),
    )
    expect(paths(mute)).toEqual([])
  })

  it('has a kebab-case name that says something', () => {
    const odd = all.filter(({ path }) => {
      const name = path
        .split('/')
        .at(-1)!
        .replace(/(\.\w+)?(\.test|\.config)?\.(ts|js)$/, '')
      return (
        !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || /^(utils?|helpers?|manager|common)$/.test(name)
      )
    })
    expect(paths(odd)).toEqual([])
  })

  it('carries no unfinished work', () => {
    const marks = new RegExp(['TO', 'DO|FIX', 'ME|not implemented'].join(''))
    expect(paths(product.filter((file) => marks.test(file.text)))).toEqual([])
  })
})

describe('the product', () => {
  it('takes time and chance as arguments: only the kernel asks the machine', () => {
    const asks =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\brandom(Bytes|UUID|Int)\(|\bgetRandomValues\(/
    const outside = product.filter((file) => !file.path.startsWith('src/kernel/'))
    expect(paths(outside.filter((file) => asks.test(code(file))))).toEqual([])
  })

  it('prints only from the command line', () => {
    const prints = product.filter((file) => /\bconsole\.\w+\(/.test(code(file)))
    expect(paths(prints).filter((path) => !path.startsWith('src/cli/'))).toEqual([])
  })

  it('swallows no error', () => {
    const silent = product.filter((file) =>
      /catch\s*(\([^)]*\))?\s*\{\s*\}|\.catch\(\(\) => \{\s*\}\)/.test(file.text),
    )
    expect(paths(silent)).toEqual([])
  })
})

describe('the tests', () => {
  it('leave none out and single none out', () => {
    const lone = tests.filter((file) =>
      /\b(it|test|describe)\.(skip|only|todo|fails)\b/.test(code(file)),
    )
    expect(paths(lone).filter((path) => !path.startsWith('test/architecture/'))).toEqual([])
  })
})
