// Values of options that are more than one text: repeated ones, lists, pairs with a secret in them, points in time.
import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../config/units.ts'
import { AppError } from '../kernel/app-error.ts'
import { readSecretFile, withoutNewline } from './ask-password.ts'
import type { Context } from './context.ts'

/** `--scope a --scope b` → [a, b] */
export const collect = (value: string, before: string[] = []): string[] => [...before, value]

/** `anna,ben` → [anna, ben] */
export const commaList = (value: string): string[] =>
  value.split(',').flatMap((part) => part.trim() || [])

export function wholeNumber(value: string): number {
  if (/^\d+$/.test(value) && Number(value) > 0) return Number(value)
  throw new InvalidArgumentError('It is a whole number from 1 on.')
}

/** `Name: value` or `NAME=value`; the value may stand in a file (`@path`) or a variable (`env:NAME`). */
export function secretPairs(
  ctx: Context,
  option: string,
  separator: ':' | '=',
  given: readonly string[],
): Record<string, string> {
  const pairs = given.map((text) => {
    const at = text.indexOf(separator)
    if (at < 1)
      throw new AppError('usage', `${option} needs a name, "${separator}" and a value.`, {
        remedy: `Write it like ${separator === ':' ? '"Authorization: Bearer env:TOKEN"' : 'TOKEN=env:TOKEN'}.`,
      })
    return [text.slice(0, at).trim(), secretValue(ctx, option, text.slice(at + 1).trim())] as const
  })
  return Object.fromEntries(pairs)
}

function secretValue(ctx: Context, option: string, text: string): string {
  const [, scheme = '', source, rest = ''] =
    /^((?:Bearer|Basic|Token) +)?(@|env:)(.+)$/i.exec(text) ?? []
  if (source === undefined) return text
  if (source === '@') return scheme + withoutNewline(readSecretFile(ctx, rest))
  const value = ctx.io.env[rest]
  if (value) return scheme + value
  throw new AppError('usage', `${option} reads the variable ${rest}, which is not set.`, {
    remedy: `Set it for this command: ${rest}=… mooring …`,
  })
}

/** `1h` is an hour before `now`; otherwise a date such as 2026-11-21 or 2026-11-21T12:00. */
export function pointInTime(option: string, text: string, now: number): number {
  const seconds = parseDuration(text)
  if (seconds !== null && !/^\d+$/.test(text)) return now - seconds * 1000
  const date = Date.parse(text)
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(date)) return date
  throw new AppError('usage', `${option} ${text} is neither a duration nor a date.`, {
    remedy: 'Write it like 30m, 24h or 2026-11-21T12:00.',
  })
}
