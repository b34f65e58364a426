// Values of `Mcp-Name` and `Mcp-Param-*` headers: plain ASCII as it is, anything else as `=?base64?…?=`
// (MCP 2026-07-28, Streamable HTTP > Standard Request Headers).

const PREFIX = '=?base64?'
const SUFFIX = '?='
const PLAIN = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

const isWrapped = (value: string) => value.startsWith(PREFIX) && value.endsWith(SUFFIX)

export function encodeHeaderValue(value: string): string {
  if (PLAIN.test(value) && !isWrapped(value)) return value
  return `${PREFIX}${Buffer.from(value, 'utf8').toString('base64')}${SUFFIX}`
}

/** Null when it claims to be base64 and is not. */
export function decodeHeaderValue(value: string): string | null {
  if (!isWrapped(value)) return value
  const inner = value.slice(PREFIX.length, value.length - SUFFIX.length)
  const bytes = Buffer.from(inner, 'base64')
  if (bytes.toString('base64') !== inner) return null
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : null
}
