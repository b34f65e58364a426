// One-way digests: of secrets that we only verify, of arguments, and of log rows.
import { hash, timingSafeEqual } from 'node:crypto'

/** SHA-256 of a high-entropy secret (token, key, session id), base64url. Passwords use scrypt instead. */
export const tokenHash = (token: string): string => hash('sha256', token, 'base64url')

/** Equal without leaking where they differ. */
export function sameSecret(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

/** JSON with sorted keys and no white space (RFC 8785 in the subset that JSON.parse can give). */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`
}

/** Digest that binds an approval or a log row to exact arguments. */
export const jsonDigest = (value: unknown): string =>
  hash('sha256', canonicalJson(value), 'base64url')
