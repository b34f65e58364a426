// The form of everything that is presented as a credential: prefix, 256 random bits in base62, and a checksum, so that
// a typo is told from an unknown key without a look-up. Base62 so that a double click selects all of it.
import { crc32 } from 'node:zlib'
import type { Random } from '../kernel/ids.ts'
import { placeholderIn } from './placeholder.ts'

export type TokenKind = 'key' | 'access' | 'refresh'

export const PREFIXES = { key: 'mk_', access: 'mt_', refresh: 'mr_' } as const satisfies Record<
  TokenKind,
  string
>

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BODY = 43
const CHECK = 6
const FORM = /^m[ktr]_[0-9A-Za-z]{49}$/
const KINDS: Record<string, TokenKind> = { mk_: 'key', mt_: 'access', mr_: 'refresh' }

/** CRC-32 sees every single changed character and every swap of neighbours. */
const checksum = (text: string) => base62(BigInt(crc32(text)), CHECK)

function newToken(prefix: string, random: Random): string {
  const text = prefix + base62(BigInt(`0x${random(32).toString('hex')}`), BODY)
  return text + checksum(text)
}

export const newApiKey = (random: Random) => newToken(PREFIXES.key, random)
export const newAccessToken = (random: Random) => newToken(PREFIXES.access, random)
export const newRefreshToken = (random: Random) => newToken(PREFIXES.refresh, random)

export interface Misfit {
  /** Goes on after "The credential". */
  problem: string
  remedy: string
  placeholder?: boolean
}

/** Longer ones are not looked at: whatever it is, it is not ours. */
const LONGEST_READ = 4096

/** Whether it has the form of one of our credentials, checksum included. */
export const looksLikeToken = (text: string): boolean => 'kind' in readToken(text)

/** What a presented credential is, or what is wrong with it in words for its sender. It is never repeated to them. */
export function readToken(text: string): { kind: TokenKind } | Misfit {
  if (FORM.test(text)) {
    const split = text.length - CHECK
    if (checksum(text.slice(0, split)) === text.slice(split))
      return { kind: KINDS[text.slice(0, 3)]! }
    return {
      problem: 'has a typing mistake in it: its checksum does not fit',
      remedy: 'Copy it again, whole.',
    }
  }
  if (text.length > LONGEST_READ)
    return { problem: 'is far too long to be one of ours', remedy: NEW_ONE }
  const placeholder = placeholderIn(text)
  if (placeholder !== null)
    return {
      placeholder: true,
      problem: `is the placeholder ${placeholder} itself, not its value`,
      remedy:
        'The client did not replace it. Set the variable in the environment in which the client starts, or write the value.',
    }
  return describe(text)
}

const NEW_ONE = 'Sign in to this gateway, or make an API key with `mooring keys create`.'

function describe(text: string): Misfit {
  if (/^["'`].*["'`]$/s.test(text))
    return { problem: 'is wrapped in quotation marks', remedy: 'Remove them.' }
  if (/^bearer\b/i.test(text))
    return { problem: 'begins with a word Bearer that does not belong to it', remedy: 'Remove it.' }
  if (/[\s,]/.test(text))
    return { problem: 'is followed by something else', remedy: 'Send exactly one, on one line.' }
  if (/^m[ktr]_/.test(text)) {
    const expected = PREFIXES.key.length + BODY + CHECK
    const length =
      text.length === expected
        ? 'has characters that do not belong'
        : `has ${text.length} characters instead of ${expected}`
    return { problem: length, remedy: 'Copy it again, whole and without line breaks.' }
  }
  if (/^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text))
    return {
      problem: 'is a JWT, and this gateway never issues any: it is for somebody else',
      remedy: NEW_ONE,
    }
  return {
    problem: 'does not have the form of a credential of this gateway (mk_… or mt_…)',
    remedy: NEW_ONE,
  }
}

function base62(value: bigint, length: number): string {
  let text = ''
  let rest = value
  for (let i = 0; i < length; i++) {
    text = ALPHABET[Number(rest % 62n)] + text
    rest /= 62n
  }
  return text
}
