// Randomness and ids as arguments. An id is a prefix that names its kind, and 128 random bits.
import { randomBytes } from 'node:crypto'

export type Random = (bytes: number) => Buffer

export const systemRandom: Random = (bytes) => randomBytes(bytes)

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** 26 characters of Crockford base32 for 16 bytes; other lengths in proportion. */
export function base32(bytes: Uint8Array): string {
  let out = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      out += ALPHABET[(buffer >>> bits) & 31]
    }
    buffer &= (1 << bits) - 1
  }
  if (bits > 0) out += ALPHABET[(buffer << (5 - bits)) & 31]
  return out
}

/** `usr_…` user, `cli_…` client, `grt_…` grant, `key_…` API key, `srv_…` server, `evt_…` event, `req_…` request, `cll_…` call. */
export type IdPrefix = 'usr' | 'cli' | 'grt' | 'key' | 'srv' | 'evt' | 'req' | 'cll' | 'ses' | 'con'

export type NewId = (prefix: IdPrefix) => string

const ID_BYTES = 16
/** Random bytes are drawn for many ids at once: a system call for each would cost more than the id. */
const IDS_PER_DRAW = 256

export function idsFrom(random: Random): NewId {
  let pool: Buffer = Buffer.alloc(0)
  let at = 0
  return (prefix) => {
    if (at >= pool.length) {
      pool = random(ID_BYTES * IDS_PER_DRAW)
      at = 0
    }
    const id = `${prefix}_${base32(pool.subarray(at, at + ID_BYTES))}`
    at += ID_BYTES
    return id
  }
}
