// mooring.yaml → settings with the place where each was written, so that every complaint can point at a line.
import { readFileSync } from 'node:fs'
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml'
import { AppError, messageOf } from '../kernel/app-error.ts'
import { didYouMean } from './nearest.ts'
import { options, sections } from './options.ts'

/** One setting as somebody wrote it. */
export interface Given {
  value: unknown
  /** `mooring.yaml:3:7`, `--port`, `MOORING_PORT` */
  where: string
}

export interface Problem {
  where: string
  message: string
}

const LARGEST = 1_000_000

/** @throws AppError config_invalid when the file cannot be read or is no YAML */
export function readConfigFile(file: string): { given: Map<string, Given>; problems: Problem[] } {
  const source = read(file)
  const lines = new LineCounter()
  const document = parse(file, source, lines)
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0)
    return `${file}:${line}:${col}`
  }
  const broken = document.errors[0] ?? document.warnings[0]
  if (broken)
    throw new AppError('config_invalid', `${at(broken.pos[0])}: ${withoutQuotes(broken.message)}`, {
      remedy: 'Correct the YAML there; "mooring config check" tells whether it is right.',
      cause: broken,
    })

  const given = new Map<string, Given>()
  const problems: Problem[] = []
  const walk = (node: Node | null, above: readonly string[]) => {
    if (node === null || (isScalar(node) && node.value === null)) return
    if (!isMap(node)) {
      const what = above.length === 0 ? 'The file' : above.join('.')
      problems.push({
        where: at(node.range?.[0]),
        message: `${what} is a list of settings, "name: value".`,
      })
      return
    }
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const where = at(isNode(key) ? key.range?.[0] : node.range?.[0])
      const path = [...above, name]
      const dotted = path.join('.')
      if (above.length === 0 && sections.has(name)) walk(isNode(value) ? value : null, path)
      else if (options.some((option) => option.key === dotted))
        given.set(dotted, {
          value: plain(value, where),
          where: at(isNode(value) ? value.range?.[0] : 0),
        })
      else problems.push({ where, message: `There is no setting ${dotted}.${suggest(dotted)}` })
    }
  }
  walk(document.contents, [])
  return { given, problems }
}

/** The parser repeats what it stumbled over, and that may be the value of a key. */
const withoutQuotes = (message: string) =>
  message.replace(/(?:: |\s)*(["'`])(?:(?!\1).)+\1.*$|(?<=tag|alias[^:]*): .*/s, '')

const suggest = (typed: string) =>
  didYouMean(typed, [...options.map((option) => option.key), ...sections])

function read(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new AppError('config_invalid', `${file} cannot be read: ${messageOf(error)}`, {
      remedy: 'Name an existing file with --config, and see that this account may read it.',
      cause: error,
    })
  }
  if (bytes.length > LARGEST)
    throw new AppError(
      'config_invalid',
      `${file} has ${bytes.length} bytes; that is no configuration.`,
      {
        remedy: 'Name the right file with --config.',
      },
    )
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new AppError('config_invalid', `${file} is not UTF-8 text.`, {
      remedy: 'Save the file as UTF-8.',
      cause: error,
    })
  }
}

function parse(file: string, source: string, lineCounter: LineCounter) {
  try {
    return parseDocument(source, { lineCounter, prettyErrors: false, version: '1.2' })
  } catch (error) {
    // The parser recurses: ten thousand opening brackets exhaust its stack.
    throw new AppError(
      'config_invalid',
      `${file} is no YAML that can be read: ${messageOf(error)}`,
      {
        remedy: 'Write one "name: value" per line.',
        cause: error,
      },
    )
  }
}

/** Scalars and lists of scalars. Aliases are refused: a few of them can stand for gigabytes, and no setting needs one. */
function plain(node: unknown, where: string): unknown {
  if (isAlias(node))
    throw new AppError('config_invalid', `${where}: aliases (*name) are not accepted here.`, {
      remedy: 'Write the value out.',
    })
  if (isScalar(node)) return node.value
  if (isSeq(node)) return node.items.map((item) => plain(item, where))
  if (isMap(node)) return {}
  return null
}
