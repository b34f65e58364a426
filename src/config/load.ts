// Flag > environment > mooring.yaml > default. All mistakes are reported at once, and with one nothing starts.
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { AppError } from '../kernel/app-error.ts'
import { options } from './options.ts'
import { type Given, type Problem, readConfigFile } from './read-file.ts'
import { type Env, readEnv, readFlags } from './read-text.ts'
import { type FileSettings, fileSchema } from './schema.ts'
import type { Settings } from './settings.ts'

export type Source = 'flag' | 'env' | 'file' | 'default'

/** Where each setting came from, by its key in mooring.yaml (`public-url`, `auth.access-token-ttl`). */
export type Provenance = Readonly<Record<string, Source>>

export interface LoadInput {
  /** By key: `{ port: '8420', 'data-dir': '/srv/mooring' }`; undefined is not given. */
  flags?: Readonly<Record<string, unknown>>
  env: Env
  /** Must exist when given; otherwise mooring.yaml of the data folder, if there is one. */
  configFile?: string | undefined
  home: string
  cwd: string
}

export interface Loaded {
  settings: Settings
  provenance: Provenance
  configFile: string | null
}

/** @throws AppError config_invalid naming every mistake with its file, line and column, variable or flag */
export function loadSettings(input: LoadInput): Loaded {
  const absolute = (path: string, base: string) =>
    resolve(base, path.replace(/^~(?=$|[/\\])/, input.home))
  const flags = readFlags(input.flags ?? {})
  const env = readEnv(input.env)
  const problems = [...env.problems]

  // The data folder is known before the file is, because the file may stand in it.
  const early = flags.get('data-dir') ?? env.given.get('data-dir')
  const defaultDir = join(input.home, '.mooring')
  const dirOf = (given: Given | undefined, base: string) =>
    typeof given?.value === 'string' && given.value !== ''
      ? absolute(given.value, base)
      : defaultDir
  const named = input.configFile ?? (input.env.MOORING_CONFIG || undefined)
  const configFile = named ? absolute(named, input.cwd) : findIn(dirOf(early, input.cwd))
  const file = configFile
    ? readConfigFile(configFile)
    : { given: new Map<string, Given>(), problems: [] }
  problems.push(...file.problems)
  const inFile = file.given.get('data-dir')
  if (inFile && !named)
    problems.push({
      where: inFile.where,
      message: 'data-dir cannot be set by a file that was found in the data folder; use --data.',
    })

  const provenance: Record<string, Source> = {}
  const given = new Map<string, Given>()
  for (const { key } of options) {
    const [source, found] = (
      [
        ['flag', flags.get(key)],
        ['env', env.given.get(key)],
        ['file', file.given.get(key)],
      ] as const
    ).find(([, one]) => one !== undefined) ?? ['default' as const, undefined]
    provenance[key] = source
    if (found) given.set(key, found)
  }
  const base = provenance['data-dir'] === 'file' && configFile ? dirname(configFile) : input.cwd
  const dataDir = dirOf(given.get('data-dir'), base)

  const parsed = fileSchema.safeParse(nest(given, dataDir))
  for (const issue of parsed.error?.issues ?? []) problems.push(explainIssue(issue, given))
  if (problems.length > 0 || !parsed.success) throw invalid(problems)
  return { settings: toSettings(parsed.data), provenance, configFile }
}

function findIn(dataDir: string): string | null {
  const file = join(dataDir, 'mooring.yaml')
  return existsSync(file) ? file : null
}

/** `{'auth.registration': …}` → `{auth: {registration: …}}` */
function nest(given: ReadonlyMap<string, Given>, dataDir: string): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const { key, path } of options) {
    const one = given.get(key)
    if (!one) continue
    const [first, second] = path as [string, string?]
    if (second === undefined) root[first] = one.value
    else root[first] = { ...(root[first] as object | undefined), [second]: one.value }
  }
  if (typeof (root['data-dir'] ?? '') === 'string' && root['data-dir'] !== '')
    root['data-dir'] = dataDir
  return root
}

function explainIssue(
  issue: { path: PropertyKey[]; message: string },
  given: ReadonlyMap<string, Given>,
): Problem {
  const dotted = issue.path.map(String)
  const option = options.find(({ path }) => path.every((part, i) => part === dotted[i]))
  const key = option?.key ?? dotted.join('.')
  const value = given.get(key)?.value
  const secret = option?.secret || (typeof value === 'string' && value.includes('@'))
  const shown =
    secret || value == null || typeof value === 'object' ? '' : ` (it is ${JSON.stringify(value)})`
  return { where: given.get(key)?.where ?? key, message: `${key} ${issue.message}${shown}.` }
}

function invalid(problems: readonly Problem[]): AppError {
  const lines = problems.map(({ where, message }) => `${where}: ${message}`)
  return new AppError('config_invalid', lines.join('\n'), {
    remedy: 'Correct it; nothing was started or changed. docs/config.md lists every setting.',
    data: { problems },
  })
}

type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S
type CamelKeys<T> = { [K in keyof T as K extends string ? Camel<K> : never]: T[K] }

/** `access-token-ttl` → `accessTokenTtl`; the compiler compares the outcome with Settings. */
const camelKeys = <T extends object>(object: T) =>
  Object.fromEntries(
    Object.entries(object).map(([key, value]) => [
      key.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  ) as CamelKeys<T>

const toSettings = (file: FileSettings): Settings => ({
  ...camelKeys(file),
  auth: camelKeys(file.auth),
  logs: camelKeys(file.logs),
  limits: camelKeys(file.limits),
})
