// Chains what has been committed: one process per store, behind the writers, never in their way.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isUniqueViolation } from '../store/storage-error.ts'
import type { SealTable, Stream } from '../store/tables/events.ts'
import { appendCheckpoint, mendCheckpoints } from './checkpoints.ts'
import type { Core } from './core.ts'
import { blockHash, joinHashes, rowHash, type SealBody, type SealSigner } from './seal.ts'
import { logDb, streams } from './stream-rows.ts'

const EVERY_MS = 1000
/** Small enough that hashing a block is no pause that a call would notice. */
const BLOCK_ROWS = 256

export interface Sealer {
  /** Chains everything that is final now, unless another process is at it. */
  sealNow(): Promise<void>
  /** After one last pass. */
  stop(): Promise<void>
}

export interface SealerOptions {
  /** JSON lines, one per seal: what a copy elsewhere needs to notice that a whole chain was written anew. */
  checkpointFile?: string
}

export function startSealer(core: Core, signer: SealSigner, options: SealerOptions = {}): Sealer {
  const { store, clock, log } = core
  let stopped = false
  let failing = false
  let running: Promise<unknown> = Promise.resolve()
  let timer = clock.after(EVERY_MS, tick)

  async function pass(): Promise<void> {
    await store.exclusively('sealer', async () => {
      if (options.checkpointFile) mendCheckpoints(options.checkpointFile)
      for (const stream of streams) await sealStream(core, signer, stream, options.checkpointFile)
    })
  }
  function sealNow(): Promise<void> {
    const next = running.then(pass, pass)
    // The caller hears of a failure; the next pass only waits for the end of this one.
    running = Promise.allSettled([next])
    return next
  }
  function tick(): void {
    sealNow()
      .then(() => {
        failing = false
      })
      .catch((error) => {
        if (!failing) log.error({ err: error }, 'The logs cannot be sealed; trying again')
        failing = true
      })
      .finally(() => {
        if (!stopped) timer = clock.after(EVERY_MS, tick)
      })
  }

  return {
    sealNow,
    stop: async () => {
      stopped = true
      timer.cancel()
      await sealNow()
    },
  }
}

async function sealStream(
  core: Core,
  signer: SealSigner,
  stream: Stream,
  checkpointFile: string | undefined,
): Promise<void> {
  let last = await lastSeal(core, stream)
  for (;;) {
    const block = await core.store.unsealed(stream, last?.position ?? null, BLOCK_ROWS)
    const [first] = block.rows
    if (!first) return
    const body: SealBody = {
      stream,
      n: (last?.n ?? 0) + 1,
      first_seq: first.seq,
      last_seq: block.rows.at(-1)!.seq,
      count: block.rows.length,
      position: block.position,
      row_hashes: joinHashes(block.rows.map(rowHash)),
      prev_hash: last?.hash ?? '',
      key_id: signer.keyId,
      sealed_at: core.clock.now(),
    }
    const hash = blockHash(body)
    const seal: SealTable = { ...body, hash, signature: signer.sign(hash) }
    try {
      await core.store.appendSeal(seal)
    } catch (error) {
      // The lock was lost with its connection, and the next holder has been here already.
      if (isUniqueViolation(error)) return
      throw error
    }
    if (checkpointFile) appendCheckpoint(checkpointFile, seal)
    last = seal
    await nextTurn()
  }
}

async function lastSeal(core: Core, stream: Stream): Promise<SealTable | undefined> {
  return logDb(core.store, stream)
    .selectFrom('seals')
    .selectAll()
    .where('stream', '=', stream)
    .orderBy('n', 'desc')
    .limit(1)
    .executeTakeFirst()
}
