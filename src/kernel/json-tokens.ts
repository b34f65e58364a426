// The tokens of RFC 8259 over bytes: every function moves `at` past one token and builds nothing. Used by json-scan.ts.
import { AppError } from './app-error.ts'
import type { ErrorCode } from './error-codes.ts'

export interface Reader {
  readonly bytes: Buffer
  at: number
}

export const QUOTE = 0x22
const BACKSLASH = 0x5c

export type ScanProblem =
  | 'utf8'
  | 'syntax'
  | 'shape'
  | 'depth'
  | 'members'
  | 'proto'
  | 'duplicate'
  | 'case'

/** Moves over a string, `at` being on its opening quote; true when it has escapes. */
export function string(r: Reader): boolean {
  const { bytes } = r
  let at = r.at + 1
  let escaped = false
  for (;;) {
    const byte = bytes[at]
    if (byte === QUOTE) break
    if (byte === undefined) {
      r.at = at
      unexpected(r, 'an unfinished string')
    }
    if (byte === BACKSLASH) {
      escaped = true
      at = afterEscape(r, at + 1)
    } else if (byte < 0x20) {
      r.at = at
      unexpected(r, 'a control character inside a string')
    } else at++
  }
  r.at = at + 1
  return escaped
}

function afterEscape(r: Reader, at: number): number {
  const byte = r.bytes[at]
  if (byte === 0x75) {
    for (let i = at + 1; i <= at + 4; i++)
      if (!isHex(r.bytes[i])) {
        r.at = i
        unexpected(r, 'a \\u escape without four hexadecimal digits')
      }
    return at + 5
  }
  // " \ / b f n r t
  if (
    byte === QUOTE ||
    byte === BACKSLASH ||
    byte === 0x2f ||
    byte === 0x62 ||
    byte === 0x66 ||
    byte === 0x6e ||
    byte === 0x72 ||
    byte === 0x74
  )
    return at + 1
  r.at = at
  return unexpected(r, 'an unknown escape')
}

export function number(r: Reader): void {
  const { bytes } = r
  if (bytes[r.at] === 0x2d) r.at++
  if (bytes[r.at] === 0x30) r.at++
  else digits(r)
  if (bytes[r.at] === 0x2e) {
    r.at++
    digits(r)
  }
  if (bytes[r.at] === 0x65 || bytes[r.at] === 0x45) {
    r.at++
    if (bytes[r.at] === 0x2b || bytes[r.at] === 0x2d) r.at++
    digits(r)
  }
}

function digits(r: Reader): void {
  if (!isDigit(r.bytes[r.at])) unexpected(r, 'no JSON value')
  do r.at++
  while (isDigit(r.bytes[r.at]))
}

export function literal(r: Reader, word: string): void {
  for (let i = 0; i < word.length; i++, r.at++)
    if (r.bytes[r.at] !== word.charCodeAt(i)) unexpected(r, 'no JSON value')
}

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39

const isHex = (byte: number | undefined) =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66))

/** Moves over white space; the byte it stops at, undefined at the end. */
export function afterSpace(r: Reader): number | undefined {
  let byte = r.bytes[r.at]
  while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = r.bytes[++r.at]
  return byte
}

export function unexpectedBefore(r: Reader, what: string): never {
  r.at--
  return unexpected(r, what)
}

export function unexpected(r: Reader, what: string): never {
  const where = r.at >= r.bytes.length ? 'at its end' : `at byte ${r.at}`
  return fail('syntax', `The body is not valid JSON: ${what} ${where}.`, 'Send valid JSON.', r.at)
}

export function fail(problem: ScanProblem, message: string, remedy: string, at = 0): never {
  const code: ErrorCode = problem === 'depth' || problem === 'members' ? 'too_large' : 'bad_request'
  throw new AppError(code, message, { remedy, data: { problem, at } })
}
