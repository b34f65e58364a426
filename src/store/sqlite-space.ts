// What a full disk must not take away: to revoke. A reserve file lies in the data folder and is given up when a revoke finds
// no room. Until it can be made again nothing else is written, so that nothing else takes the room that it left.
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, isAppError } from '../kernel/app-error.ts'
import type { Clock } from '../kernel/time.ts'
import type { Logger } from '../telemetry/logger.ts'
import { sqliteCodeOf } from './storage-error.ts'

/** Some dozens of revokes. */
const RESERVE_BYTES = 4 * 1024 ** 2
/** Room beside the reserve without which writing is not taken up again. */
const HEADROOM_BYTES = 256 * 1024
const TRY_EVERY_MS = 1000
const FULL = 13
/** The index of the write-ahead log could not grow. */
const SHM_SIZE = 4874

export interface Space {
  /** Before any write but an urgent one. @throws AppError storage_unavailable while the disk is known to be full */
  admit(): void
  /** Takes note of a write that failed; true when the disk is full. */
  failed(error: unknown): boolean
  /** Gives the reserve up; false when there is none left. */
  release(): boolean
}

export function createSpace(dir: string, clock: Clock, log: Logger): Space {
  const reserve = join(dir, 'reserve')
  let full = false
  let tryAt = 0
  let cause: unknown

  function sawFull(error: unknown): void {
    if (!full)
      log.error({ err: error }, 'The disk is full: only revoking works until there is room')
    full = true
    cause = error
    tryAt = clock.monotonic() + TRY_EVERY_MS
  }

  function roomAgain(): boolean {
    const probe = join(dir, 'room.tmp')
    try {
      if (sizeOf(reserve) < RESERVE_BYTES) fill(reserve, RESERVE_BYTES)
      fill(probe, HEADROOM_BYTES)
      rmSync(probe)
      return true
    } catch (error) {
      rmSync(probe, { force: true })
      if (sizeOf(reserve) < RESERVE_BYTES) rmSync(reserve, { force: true })
      cause = error
      return false
    }
  }

  try {
    if (sizeOf(reserve) < RESERVE_BYTES) fill(reserve, RESERVE_BYTES)
  } catch (error) {
    rmSync(reserve, { force: true })
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') sawFull(error)
    else log.warn({ err: error }, 'No room could be reserved for revokes on a full disk')
  }

  return {
    admit() {
      if (!full) return
      const now = clock.monotonic()
      if (now >= tryAt) {
        tryAt = now + TRY_EVERY_MS
        if (roomAgain()) {
          full = false
          log.warn('There is room on the disk again')
          return
        }
      }
      throw new AppError('storage_unavailable', 'The store cannot be used: the disk is full.', {
        remedy:
          'Free space on the disk that holds the data folder. Until then only revoking works.',
        cause,
      })
    },
    failed(error) {
      const code = isAppError(error) ? sqliteCodeOf(error.cause) : undefined
      if (code !== FULL && code !== SHM_SIZE) return false
      sawFull(error)
      return true
    },
    release() {
      if (sizeOf(reserve) === 0) return false
      rmSync(reserve)
      return true
    },
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** Zeros that are really on the disk: a hole would reserve nothing. */
function fill(file: string, bytes: number): void {
  const handle = openSync(file, 'w', 0o600)
  try {
    const zeros = Buffer.alloc(64 * 1024)
    for (let written = 0; written < bytes; ) written += writeSync(handle, zeros)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
