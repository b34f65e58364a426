// One pass over the bytes of one JSON text (RFC 8259) that refuses hostile forms and finds the members of a JSON-RPC
// message, so that a proxy can replace a few bytes and forward the rest exactly as it came. Builds no value.
import { isUtf8 } from 'node:buffer'
import { AppError } from './app-error.ts'
import {
  afterSpace,
  fail,
  literal,
  number,
  QUOTE,
  type Reader,
  string,
  unexpected,
  unexpectedBefore,
} from './json-tokens.ts'

export type { ScanProblem } from './json-tokens.ts'

/** `bytes.subarray(start, end)` is the value itself: strings with their quotes, objects with their braces. */
export interface Range {
  start: number
  end: number
}

export interface Scan {
  kind: 'object' | 'array'
  jsonrpc: Range | null
  /** Raw: an id goes back exactly as it came, however many digits it has. */
  id: Range | null
  /** Decoded when the member is a string; `methodRange` also tells of one that is not. */
  method: string | null
  methodRange: Range | null
  params: Range | null
  result: Range | null
  error: Range | null
  /** Members of `params`, when that is an object. */
  paramsName: Range | null
  paramsUri: Range | null
  paramsMeta: Range | null
  paramsArguments: Range | null
  /** How many members `params` has; 0 also when it is no object. */
  paramsMembers: number
  /** Members of `result`, when that is an object. */
  resultIsError: Range | null
  resultType: Range | null
  /** The elements of an array (a batch). */
  items: Range[]
}

export interface ScanLimits {
  depth: number
  /** Members of objects and elements of arrays, all levels together. */
  members: number
}

export const SCAN_LIMITS: ScanLimits = { depth: 100, members: 100_000 }

/** Which object is being read: decides what its members mean. */
type Role = 0 | 1 | 2 | 3
const OTHER = 0
const MESSAGE = 1
const PARAMS = 2
const RESULT = 3

interface State extends Reader {
  members: number
  limits: ScanLimits
  scan: Scan
  /** Start and end of the keys of every open small object, innermost last. */
  keys: number[]
  top: number
}

const COMMA = 0x2c
/** Up to so many keys are compared pairwise; beyond, a set keeps the time linear. */
const PAIRWISE = 8

/**
 * Accepts what JSON.parse accepts, of objects and arrays only, without repeated keys, `__proto__`, look-alikes of the
 * members a gateway decides on, or anything over the limits.
 * @throws AppError bad_request or too_large; `data.problem` is a ScanProblem, `data.at` the byte
 */
export function scanMessage(bytes: Buffer, limits: ScanLimits = SCAN_LIMITS): Scan {
  if (!isUtf8(bytes)) fail('utf8', 'The body is not valid UTF-8.', 'Encode JSON as UTF-8.')
  const scan = emptyScan()
  const state: State = { bytes, at: 0, members: 0, limits, scan, keys: [], top: 0 }
  const first = afterSpace(state)
  if (first === 0x7b) object(state, 1, MESSAGE)
  else if (first === 0x5b) {
    scan.kind = 'array'
    array(state, 1, scan.items)
  } else {
    value(state, 1, OTHER)
    fail('shape', 'A message is a JSON object; this is a single value.', 'Send a JSON-RPC object.')
  }
  afterSpace(state)
  if (state.at < bytes.length) unexpected(state, 'text after the end of the message')
  return scan
}

/** The string at `range`, decoded; null when there is none or it is no string. */
export function stringAt(bytes: Buffer, range: Range | null): string | null {
  if (range === null || bytes[range.start] !== QUOTE) return null
  return JSON.parse(bytes.toString('utf8', range.start, range.end)) as string
}

/** `bytes` with one range replaced; the original is left as it is. */
export function splice(bytes: Buffer, range: Range, replacement: Buffer | string): Buffer {
  return spliceAll(bytes, [[range, replacement]])
}

/** Several replacements at once; the ranges must not overlap. */
export function spliceAll(
  bytes: Buffer,
  edits: readonly (readonly [Range, Buffer | string])[],
): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (const [range, replacement] of [...edits].sort((a, b) => a[0].start - b[0].start)) {
    if (range.start < from) throw new AppError('internal', 'Two replacements overlap.')
    parts.push(bytes.subarray(from, range.start))
    parts.push(typeof replacement === 'string' ? Buffer.from(replacement) : replacement)
    from = range.end
  }
  parts.push(bytes.subarray(from))
  return Buffer.concat(parts)
}

const emptyScan = (): Scan => ({
  kind: 'object',
  jsonrpc: null,
  id: null,
  method: null,
  methodRange: null,
  params: null,
  result: null,
  error: null,
  paramsName: null,
  paramsUri: null,
  paramsMeta: null,
  paramsArguments: null,
  paramsMembers: 0,
  resultIsError: null,
  resultType: null,
  items: [],
})

function value(s: State, depth: number, role: Role): void {
  const byte = s.bytes[s.at]
  if (byte === QUOTE) string(s)
  else if (byte === 0x7b) object(s, depth, role)
  else if (byte === 0x5b) array(s, depth, null)
  else if (byte === 0x74) literal(s, 'true')
  else if (byte === 0x66) literal(s, 'false')
  else if (byte === 0x6e) literal(s, 'null')
  else number(s)
}

function object(s: State, depth: number, role: Role): void {
  if (depth > s.limits.depth) tooDeep(s)
  const base = s.top
  let seen: Set<string> | null = null
  let count = 0
  s.at++
  if (afterSpace(s) === 0x7d) {
    s.at++
    return
  }
  for (;;) {
    if (s.bytes[s.at] !== QUOTE) unexpected(s, 'something other than a member name')
    const start = s.at + 1
    const escaped = string(s)
    const end = s.at - 1
    countMember(s)
    count++
    seen = refuseRepeated(s, base, seen, start, end, escaped)
    if (afterSpace(s) !== 0x3a) unexpected(s, 'a member without a colon')
    s.at++
    afterSpace(s)
    if (role === OTHER) value(s, depth + 1, OTHER)
    else if (escaped) namedValue(s, depth, role, decodedKey(s, start, end))
    else namedValue(s, depth, role, s.bytes, start, end)
    const next = afterSpace(s)
    s.at++
    if (next === 0x7d) break
    if (next !== COMMA) unexpectedBefore(s, 'a missing comma or brace')
    afterSpace(s)
  }
  if (role === PARAMS) s.scan.paramsMembers = count
  s.top = base
}

function array(s: State, depth: number, items: Range[] | null): void {
  if (depth > s.limits.depth) tooDeep(s)
  s.at++
  if (afterSpace(s) === 0x5d) {
    s.at++
    return
  }
  for (;;) {
    countMember(s)
    const start = s.at
    value(s, depth + 1, OTHER)
    if (items !== null) items.push({ start, end: s.at })
    const next = afterSpace(s)
    s.at++
    if (next === 0x5d) return
    if (next !== COMMA) unexpectedBefore(s, 'a missing comma or bracket')
    afterSpace(s)
  }
}

/** Reads the value of a member of the message, of `params` or of `result`, and remembers where it stands. */
function namedValue(s: State, depth: number, role: Role, key: Buffer, from = 0, to = key.length) {
  const { scan } = s
  const start = s.at
  const inner = role !== MESSAGE ? OTHER : roleOf(key, from, to)
  value(s, depth + 1, inner)
  const range = { start, end: s.at }
  if (role === MESSAGE) {
    if (inner === PARAMS) scan.params = range
    else if (inner === RESULT) scan.result = range
    else if (is(key, from, to, 'id')) scan.id = range
    else if (is(key, from, to, 'jsonrpc')) scan.jsonrpc = range
    else if (is(key, from, to, 'method')) {
      scan.methodRange = range
      scan.method = stringAt(s.bytes, range)
    } else if (is(key, from, to, 'error')) scan.error = range
    else refuseLookAlike(key, from, to, MESSAGE_MEMBERS, start)
  } else if (role === PARAMS) {
    if (is(key, from, to, 'name')) scan.paramsName = range
    else if (is(key, from, to, 'arguments')) scan.paramsArguments = range
    else if (is(key, from, to, '_meta')) scan.paramsMeta = range
    else if (is(key, from, to, 'uri')) scan.paramsUri = range
    else refuseLookAlike(key, from, to, PARAMS_MEMBERS, start)
  } else if (is(key, from, to, 'isError')) scan.resultIsError = range
  else if (is(key, from, to, 'resultType')) scan.resultType = range
}

const MESSAGE_MEMBERS = ['jsonrpc', 'id', 'method', 'params', 'result', 'error']
const PARAMS_MEMBERS = ['name', 'arguments', '_meta', 'uri']

function roleOf(key: Buffer, from: number, to: number): Role {
  if (is(key, from, to, 'params')) return PARAMS
  return is(key, from, to, 'result') ? RESULT : OTHER
}

function is(key: Buffer, from: number, to: number, name: string): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i++) if (key[from + i] !== name.charCodeAt(i)) return false
  return true
}

/** Some parsers match names without regard to case: they would act on `Name` where we decided on `name`. */
function refuseLookAlike(
  key: Buffer,
  from: number,
  to: number,
  names: readonly string[],
  at: number,
): void {
  // The longest look-alike: `jsonrpc` or `arguments` with every letter in its three-byte Unicode form.
  if (to - from > 27) return
  const folded = key.toString('utf8', from, to).toUpperCase().toLowerCase()
  if (names.includes(folded))
    fail(
      'case',
      `The member name ${JSON.stringify(key.toString('utf8', from, to))} at byte ${at} differs from "${folded}" only in its case.`,
      'Spell the members of a JSON-RPC message exactly.',
      at,
    )
}

/** Refuses a key that its object has already. Keys of a small object are compared as bytes, nothing is allocated. */
function refuseRepeated(
  s: State,
  base: number,
  seen: Set<string> | null,
  start: number,
  end: number,
  escaped: boolean,
): Set<string> | null {
  const { bytes, keys } = s
  if (seen === null && !escaped && s.top - base < 2 * PAIRWISE) {
    if (end - start === 9 && bytes[start] === 0x5f && is(bytes, start, end, '__proto__'))
      proto(start)
    for (let k = base; k < s.top; k += 2)
      if (sameBytes(bytes, keys[k]!, keys[k + 1]!, start, end)) repeated(s, start, end)
    keys[s.top++] = start
    keys[s.top++] = end
    return null
  }
  const all = seen ?? new Set<string>()
  if (seen === null)
    for (let k = base; k < s.top; k += 2) all.add(bytes.toString('latin1', keys[k]!, keys[k + 1]!))
  const key = escaped ? comparable(s, start, end) : bytes.toString('latin1', start, end)
  if (key === '__proto__') proto(start)
  const size = all.size
  if (all.add(key).size === size) repeated(s, start, end)
  return all
}

function sameBytes(bytes: Buffer, from: number, to: number, start: number, end: number): boolean {
  if (to - from !== end - start) return false
  for (let i = 0; i < to - from; i++) if (bytes[from + i] !== bytes[start + i]) return false
  return true
}

const decoded = (s: State, start: number, end: number) =>
  JSON.parse(s.bytes.toString('utf8', start - 1, end + 1)) as string

const decodedKey = (s: State, start: number, end: number) => Buffer.from(decoded(s, start, end))

/** The decoded key in the form that unescaped keys have in the set: one character per UTF-8 byte. */
function comparable(s: State, start: number, end: number): string {
  const key = decoded(s, start, end)
  // A lone surrogate has no UTF-8 form; the first character keeps such keys apart from all others.
  return key.isWellFormed() ? Buffer.from(key).toString('latin1') : `\u0100${key}`
}

function proto(at: number): never {
  return fail('proto', `A member is named "__proto__" (byte ${at}).`, 'Remove that member.', at)
}

function repeated(s: State, start: number, end: number): never {
  const name = s.bytes.toString('utf8', start, Math.min(end, start + 60))
  return fail(
    'duplicate',
    `The member "${name}" stands twice in one object (byte ${start}).`,
    'Send every member once.',
    start,
  )
}

function tooDeep(s: State): never {
  const message = `The message is nested more than ${s.limits.depth} levels deep.`
  return fail('depth', message, 'Send less deeply nested data.', s.at)
}

function countMember(s: State): void {
  if (++s.members > s.limits.members)
    fail(
      'members',
      `The message has more than ${s.limits.members} members.`,
      'Send less in one message.',
      s.at,
    )
}
