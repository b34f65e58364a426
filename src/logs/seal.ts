// What a seal is made of: the digest of each row, the digest of the block that binds it to all before, the signature.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { canonicalJson } from '../kernel/digest.ts'
import { eventColumns } from '../store/event-columns.ts'
import type { StoredEvent } from '../store/store.ts'
import type { SealTable } from '../store/tables/events.ts'

/** Who can tell whether a signature is ours. */
export interface SealVerifier {
  keyId: string
  publicKey: KeyObject
}

export interface SealSigner extends SealVerifier {
  sign(blockHash: string): string
}

export const ROW_HASH_BYTES = 32
const DOMAIN = 'mooring seal v1\n'
const sortedColumns = [...eventColumns, 'seq' as const].sort()
const prefixes = new Map(sortedColumns.map((column) => [column, `"${column}":`]))

/** For gatewaySecret: the private key as text. */
export function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519')
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

export function signerFrom(pem: string): SealSigner {
  const privateKey = createPrivateKey(pem)
  const publicKey = createPublicKey(privateKey)
  return {
    keyId: keyIdOf(publicKey),
    publicKey,
    sign: (blockHash) =>
      sign(null, Buffer.from(DOMAIN + blockHash), privateKey).toString('base64url'),
  }
}

export const keyIdOf = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
    .slice(0, 16)

export function signatureHolds(seal: SealTable, { publicKey }: SealVerifier): boolean {
  const signature = Buffer.from(seal.signature, 'base64url')
  return verify(null, Buffer.from(DOMAIN + seal.hash), publicKey, signature)
}

/** SHA-256 of the canonical JSON of what is not null, base64. Written out by hand: it runs for every row of the log. */
export function rowHash(row: StoredEvent): string {
  let text = '{'
  for (const column of sortedColumns) {
    const value = row[column]
    if (value === null || value === undefined) continue
    text += (text.length > 1 ? ',' : '') + prefixes.get(column) + JSON.stringify(value)
  }
  return hash('sha256', `${text}}`, 'base64')
}

export type SealBody = Omit<SealTable, 'hash' | 'signature'>

/** Everything in the seal but the hash itself and what is made from it. */
export function blockHash(seal: SealBody | SealTable): string {
  const { hash: _, signature: __, ...body } = seal as SealTable
  return hash('sha256', canonicalJson(body), 'base64url')
}

export const joinHashes = (hashes: readonly string[]): string =>
  Buffer.concat(hashes.map((each) => Buffer.from(each, 'base64'))).toString('base64')

export function splitHashes(joined: string): string[] {
  const bytes = Buffer.from(joined, 'base64')
  const hashes: string[] = []
  for (let i = 0; i < bytes.length; i += ROW_HASH_BYTES)
    hashes.push(bytes.subarray(i, i + ROW_HASH_BYTES).toString('base64'))
  return hashes
}
