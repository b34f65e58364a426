// Reads the source tree as text: files, their rooms and their imports. Used by the architecture tests only.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  path: string
  text: string
  lines: number
}

export function filesUnder(folder: string, ends: readonly string[]): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ends.some((end) => entry.name.endsWith(end)))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      return { path, text, lines: text.split('\n').length - 1 }
    })
}

export const isTest = (path: string) => path.endsWith('.test.ts')

/** `src/gateway/eras/x.ts` → `gateway`; `src/compose.ts` → `compose`. */
export const roomOf = (path: string): string => path.split('/')[1]!.replace(/\.ts$/, '')

export interface Import {
  from: string
  /** As written. */
  specifier: string
  /** Path in the repository for relative ones, otherwise null. */
  target: string | null
  /** Types vanish before the program runs: they count for the direction, not for cycles. */
  typeOnly: boolean
}

const STATEMENT =
  /^\s*(?:import|export)\s(?:[^'";]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

export function importsOf({ path, text }: SourceFile): Import[] {
  return [...text.matchAll(STATEMENT)].map((match) => {
    const specifier = (match[1] ?? match[2])!
    const target = specifier.startsWith('.') ? join(dirname(path), specifier) : null
    const typeOnly = /^\s*(import|export)\s+type\b/.test(match[0])
    return { from: path, specifier, target: target?.replaceAll('\\', '/') ?? null, typeOnly }
  })
}
