// Checkpoints: the hash and signature of each seal as a line of a file. Whoever keeps a copy elsewhere can tell that a
// chain was cut or written anew, even by someone who has the signing key.
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
} from 'node:fs'
import { z } from 'zod'
import type { SealTable } from '../store/tables/events.ts'

const line = z.object({
  stream: z.enum(['audit', 'auth', 'workload']),
  n: z.number().int().positive(),
  hash: z.string(),
  signature: z.string(),
  keyId: z.string(),
  sealedAt: z.number(),
})

export type Checkpoint = z.infer<typeof line>

export function appendCheckpoint(file: string, seal: SealTable): void {
  const checkpoint: Checkpoint = {
    stream: seal.stream,
    n: seal.n,
    hash: seal.hash,
    signature: seal.signature,
    keyId: seal.key_id,
    sealedAt: seal.sealed_at,
  }
  appendFileSync(file, `${JSON.stringify(checkpoint)}\n`, { mode: 0o600 })
}

/** A process that died while it wrote leaves half a line: it is cut off before the next one is added. */
export function mendCheckpoints(file: string): void {
  if (!existsSync(file) || endsWithNewline(file)) return
  const text = readFileSync(file)
  truncateSync(file, text.lastIndexOf('\n') + 1)
}

function endsWithNewline(file: string): boolean {
  const handle = openSync(file, 'r')
  try {
    const { size } = fstatSync(handle)
    const last = Buffer.alloc(1)
    return size === 0 || (readSync(handle, last, 0, 1, size - 1) === 1 && last[0] === 10)
  } finally {
    closeSync(handle)
  }
}

/** Lines that are no checkpoint are returned by number: someone has been at the file. */
export function readCheckpoints(file: string): { checkpoints: Checkpoint[]; broken: number[] } {
  const checkpoints: Checkpoint[] = []
  const broken: number[] = []
  if (!existsSync(file)) return { checkpoints, broken }
  const text = readFileSync(file, 'utf8')
  const complete = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
  complete.forEach((each, index) => {
    const parsed = line.safeParse(asJson(each))
    if (parsed.success) checkpoints.push(parsed.data)
    else broken.push(index + 1)
  })
  return { checkpoints, broken }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON is one more way to be no checkpoint.
    return undefined
  }
}
