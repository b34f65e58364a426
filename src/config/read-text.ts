// Flags and environment variables → settings. Both are texts; the schema says what each should be.
import { readFileSync } from 'node:fs'
import { AppError, messageOf } from '../kernel/app-error.ts'
import { didYouMean } from './nearest.ts'
import { type Option, options } from './options.ts'
import type { Given, Problem } from './read-file.ts'
import type { OptionKind } from './schema.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** Variables with our prefix that are not settings. */
const OTHER = new Set(['MOORING_CONFIG'])
// Kubernetes puts MOORING_SERVICE_HOST, MOORING_PORT_8420_TCP and so on next to a service called "mooring".
const FOREIGN = /^MOORING_(SERVICE_|PORT_\d|TEST_)/

const KUBERNETES =
  'Kubernetes set this variable because a service is called "mooring". ' +
  'Set enableServiceLinks: false on the pod, or pass --port.'

export function readFlags(flags: Readonly<Record<string, unknown>>): Map<string, Given> {
  const given = new Map<string, Given>()
  for (const option of options) {
    const value = flags[option.key]
    if (value === undefined) continue
    const where = option.flag ?? `--${option.key}`
    given.set(option.key, {
      value: typeof value === 'string' ? fromText(option.kind, value) : value,
      where,
    })
  }
  return given
}

/** @throws AppError config_invalid when the file behind a `_FILE` variable cannot be read */
export function readEnv(env: Env): { given: Map<string, Given>; problems: Problem[] } {
  const given = new Map<string, Given>()
  const problems: Problem[] = []
  const known = new Set(OTHER)
  for (const option of options) {
    const fileName = `${option.env}_FILE`
    known.add(option.env)
    if (option.secret) known.add(fileName)
    const direct = env[option.env]
    const file = option.secret ? env[fileName] : undefined
    if (direct && file)
      problems.push({
        where: fileName,
        message: `${option.env} is set as well; keep one of the two.`,
      })
    if (file) given.set(option.key, { value: fromFile(option, fileName, file), where: fileName })
    // An empty variable is how compose files and shells say "not set".
    else if (option.key === 'port' && direct?.startsWith('tcp://'))
      problems.push({ where: option.env, message: KUBERNETES })
    else if (direct)
      given.set(option.key, { value: fromText(option.kind, direct), where: option.env })
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith('MOORING_') || known.has(name) || FOREIGN.test(name)) continue
    problems.push({
      where: name,
      message: `There is no such setting.${didYouMean(name, [...known])}`,
    })
  }
  return { given, problems }
}

function fromFile(option: Option, variable: string, file: string): unknown {
  try {
    return fromText(option.kind, readFileSync(file, 'utf8').replace(/\r?\n$/, ''))
  } catch (error) {
    throw new AppError(
      'config_invalid',
      `${variable} names ${file}, which cannot be read: ${messageOf(error)}`,
      {
        remedy: 'Name an existing file that this account may read.',
        cause: error,
      },
    )
  }
}

/** What cannot be converted stays a text, and the schema says what it should have been. */
function fromText(kind: OptionKind, text: string): unknown {
  if (kind === 'number') return /^-?\d+$/.test(text) ? Number(text) : text
  if (kind === 'boolean')
    return { true: true, '1': true, false: false, '0': false }[text.toLowerCase()] ?? text
  if (kind === 'list') return text.split(',').flatMap((part) => part.trim() || [])
  return text
}
