// Passwords: scrypt, encoded with its parameters, and the rule for new ones. A password never reaches a log or an error.
import { scrypt, timingSafeEqual } from 'node:crypto'
import { AppError } from '../kernel/app-error.ts'
import type { Secret } from '../kernel/secret.ts'
import type { Core } from '../logs/core.ts'
import { isObvious } from './obvious-passwords.ts'

export interface Cost {
  N: number
  r: number
  p: number
}

/** 128 MiB and about a third of a second per guess. */
export const PRODUCTION_COST: Cost = { N: 2 ** 17, r: 8, p: 1 }

/**
 * A password is the only factor until passkeys exist, so more than the bare minimum of 8: with the lockout of
 * sign-in.ts and this cost, 12 characters that are not an obvious phrase cannot be guessed online or offline.
 * Nothing else (digits, symbols, expiry) is asked for: such rules make people choose predictable patterns.
 */
export const SHORTEST = 12
export const MOST_BYTES = 1024

const SALT_BYTES = 16
const HASH_BYTES = 32
const AT_ONCE = 2
const MOST_WAITING = 64
const MOST_MEMORY = 512 * 2 ** 20

/** @throws AppError invalid_input saying what is missing */
export function checkNewPassword(password: Secret, login: string): void {
  const text = password.reveal().normalize('NFKC')
  const refuse = (why: string) => {
    throw new AppError('invalid_input', `The password ${why}.`, {
      remedy: `Use at least ${SHORTEST} characters: a few unrelated words, or one that a password manager makes.`,
    })
  }
  if (Array.from(text).length < SHORTEST) refuse(`is shorter than ${SHORTEST} characters`)
  if (Buffer.byteLength(text) > MOST_BYTES) refuse(`is longer than ${MOST_BYTES} bytes`)
  if (isObvious(text, login)) refuse('is among the first that anybody would guess')
}

/** `scrypt$N$r$p$salt$hash` */
export async function hashPassword(
  core: Core,
  password: Secret,
  cost: Cost = PRODUCTION_COST,
): Promise<string> {
  const salt = core.random(SALT_BYTES)
  const hash = await derive(core, bytesOf(password), salt, HASH_BYTES, cost)
  return encode(cost, salt, hash)
}

/**
 * Whether the password is the stored one. With `null` (no such account, or one without a password) the same work
 * is done with `cost` and the answer is false, so that time does not tell who exists.
 */
export async function verifyPassword(
  core: Core,
  password: Secret,
  encoded: string | null,
  cost: Cost = PRODUCTION_COST,
): Promise<boolean> {
  const stored = encoded === null ? null : decode(encoded)
  const given = bytesOf(password)
  // An over-long password was never accepted; it costs the attacker, not us, a long derivation.
  const tooLong = given.length > MOST_BYTES
  const hash = await derive(
    core,
    tooLong ? Buffer.alloc(0) : given,
    stored?.salt ?? Buffer.alloc(SALT_BYTES),
    stored?.hash.length ?? HASH_BYTES,
    stored?.cost ?? cost,
  )
  return stored !== null && !tooLong && timingSafeEqual(hash, stored.hash)
}

/** Whether the stored hash was made with another cost than the one in force. */
export function isOutdated(encoded: string, cost: Cost = PRODUCTION_COST): boolean {
  const stored = decode(encoded).cost
  return stored.N !== cost.N || stored.r !== cost.r || stored.p !== cost.p
}

const bytesOf = (password: Secret) => Buffer.from(password.reveal().normalize('NFKC'))

const encode = ({ N, r, p }: Cost, salt: Buffer, hash: Buffer) =>
  `scrypt$${N}$${r}$${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`

const ENCODED = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([\w-]{11,86})\$([\w-]{22,86})$/

function decode(encoded: string): { cost: Cost; salt: Buffer; hash: Buffer } {
  const [, N, r, p, salt, hash] = ENCODED.exec(encoded) ?? []
  const cost = { N: Number(N), r: Number(r), p: Number(p) }
  if (salt === undefined || hash === undefined || !isBounded(cost))
    throw new AppError('internal', 'A stored password hash cannot be read.', {
      remedy: 'Set a new password with `mooring users recover`.',
    })
  return { cost, salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') }
}

const isBounded = ({ N, r, p }: Cost) =>
  N >= 2 && (N & (N - 1)) === 0 && r >= 1 && p >= 1 && p <= 16 && 128 * N * r <= MOST_MEMORY

async function derive(core: Core, password: Buffer, salt: Buffer, length: number, cost: Cost) {
  const leave = await enter(core)
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const limits = { ...cost, maxmem: 128 * cost.N * cost.r + 2 ** 21 }
      scrypt(password, salt, length, limits, (error, key) => (error ? reject(error) : resolve(key)))
    })
  } finally {
    leave()
  }
}

// Each derivation takes 128 MiB and a thread: a burst of sign-ins must neither exhaust memory nor starve the
// other users of the thread pool. One queue for each App.
interface Queue {
  running: number
  waiting: (() => void)[]
}
const queues = new WeakMap<Core, Queue>()

async function enter(core: Core): Promise<() => void> {
  let queue = queues.get(core)
  if (!queue) {
    queue = { running: 0, waiting: [] }
    queues.set(core, queue)
  }
  const mine = queue
  if (mine.running < AT_ONCE) mine.running++
  else if (mine.waiting.length >= MOST_WAITING)
    throw new AppError('overloaded', 'Too many people are signing in at this moment.', {
      remedy: 'Try again in a few seconds.',
    })
  else await new Promise<void>((turn) => mine.waiting.push(turn))
  return () => {
    const next = mine.waiting.shift()
    if (next) next()
    else mine.running--
  }
}
