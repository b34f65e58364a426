// One text from a server as JSON-RPC messages, whatever it is: bounded in depth and number, so that nothing behind it
// has to fear for its stack or its time.
import { type Incoming, readMessage } from './rpc.ts'

/** Deeper values would exhaust the stack of whoever writes them out again. */
const DEEPEST = 500
/** Batches exist in one old revision only, and we never send one. */
const LARGEST_BATCH = 1000

/** Empty when the text is not JSON, or over a bound; null for members that are not JSON-RPC. */
export function parseMessages(text: string): (Incoming | null)[] {
  if (tooDeep(text)) return []
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return [] // Servers print and send all sorts of things; the caller counts or reports it.
  }
  if (!Array.isArray(value)) return [readMessage(value)]
  return value.length > LARGEST_BATCH ? [] : value.map(readMessage)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Counts open brackets outside strings. A short text cannot be deep: each level takes a character to open. */
function tooDeep(text: string): boolean {
  if (text.length <= DEEPEST) return false
  let depth = 0
  let at = nextMark(text, 0)
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > DEEPEST) return true
    } else depth--
    at = nextMark(text, at + 1)
  }
  return false
}

/** The next quote or bracket from `at` on. */
function nextMark(text: string, at: number): number {
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE || (code | 0x20) === 0x7b || (code | 0x20) === 0x7d) return at
  }
  return at
}

/** The closing quote of the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1)
  while (end !== -1) {
    let before = end - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    if ((end - before) % 2 === 1) return end
    end = text.indexOf('"', end + 1)
  }
  return text.length
}
