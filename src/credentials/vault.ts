// Encryption at rest for secrets that we must be able to use again: AES-256-GCM, bound to the place they are stored in.
// The key is a file in the data folder, or comes from the configuration.
import { createCipheriv, createDecipheriv, hash } from 'node:crypto'
import { AppError } from '../kernel/app-error.ts'
import { type Random, systemRandom } from '../kernel/ids.ts'
import type { Secret } from '../kernel/secret.ts'
import { readOrCreateKeyFile } from './key-file.ts'

export interface Vault {
  /** Names the key without telling anything about it. */
  readonly keyId: string
  /** `aad` names the place: table, row and column. What is moved to another place does not open there. */
  seal(plain: string, aad: string): string
  /** @throws AppError secret_unreadable */
  open(sealed: string, aad: string): string
}

const VERSION = 'v1'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

/** @throws AppError config_invalid for a key of the wrong form; data_locked when the file cannot be used */
export function openVault(
  where: { dir: string } | { key: Secret },
  random: Random = systemRandom,
): Vault {
  const key =
    'key' in where
      ? parseKey(where.key.reveal(), 'The key in the configuration')
      : parseKey(
          readOrCreateKeyFile(where.dir, () => random(KEY_BYTES)),
          'The file mooring.key',
        )
  const keyId = hash(
    'sha256',
    Buffer.concat([Buffer.from('mooring key id\0'), key]),
    'base64url',
  ).slice(0, 10)
  const header = `${VERSION}.${keyId}`
  const bound = (aad: string) => Buffer.from(`${header}\0${aad}`)
  return {
    keyId,
    seal: (plain, aad) => {
      const nonce = random(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(bound(aad))
      const body = Buffer.concat([
        nonce,
        cipher.update(plain, 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ])
      return `${header}.${body.toString('base64url')}`
    },
    open: (sealed, aad) => {
      const [version, sealedWith, body, ...rest] = sealed.split('.')
      if (version !== VERSION || body === undefined || rest.length > 0)
        throw unreadable('A stored secret does not have the form that this version writes.')
      if (sealedWith !== keyId)
        throw unreadable(
          `A stored secret was sealed with the key ${sealedWith}, and this gateway has the key ${keyId}.`,
        )
      return decrypt(key, Buffer.from(body, 'base64url'), bound(aad))
    },
  }
}

function decrypt(key: Buffer, body: Buffer, aad: Buffer): string {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(aad)
    decipher.setAuthTag(body.subarray(-TAG_BYTES))
    const middle = decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([middle, decipher.final()]).toString('utf8')
  } catch (cause) {
    throw unreadable('A stored secret was altered, or belongs to another place.', cause)
  }
}

const unreadable = (message: string, cause?: unknown) =>
  new AppError('secret_unreadable', message, {
    remedy:
      'Restore mooring.key (or the configured key) together with the database it belongs to, from the same backup.',
    cause,
  })

function parseKey(text: string, what: string): Buffer {
  const trimmed = text.trim()
  const key = /^[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)
      ? Buffer.from(trimmed, 'base64url')
      : Buffer.alloc(0)
  if (key.length !== KEY_BYTES)
    throw new AppError('config_invalid', `${what} is not a key of 32 bytes.`, {
      remedy:
        'Make one with: openssl rand -base64 32. An existing gateway needs the key it began with.',
    })
  return key
}
