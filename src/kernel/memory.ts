// Room for large bodies: how many bytes of them are held at once, requests and answers together. What does not fit is
// refused while there is still memory to say so; a heap that is full ends the process.
import { getHeapStatistics } from 'node:v8'
import { AppError } from './app-error.ts'

export interface Memory {
  /** `bytes` more for a body that holds `ofThis` already. False: there is no room now. Small bodies are not asked about: connections bound their number. */
  take(owner: string, bytes: number, ofThis: number): boolean
  give(owner: string, bytes: number): void
}

/** Bodies up to this size are not counted. */
const SMALL_BYTES = 16 * 1024

/** Bytes, text, parsed and serialised again: a body is held several times over while it is worked on. */
const COPIES = 12

/** One person holds at most this part of it, so that a few bodies that never end shut nobody else out. */
const SHARES = 4

export function createMemory(limit = getHeapStatistics().heap_size_limit / COPIES): Memory {
  let held = 0
  const ofOwner = new Map<string, number>()
  return {
    take(owner, bytes, ofThis) {
      const before = ofOwner.get(owner) ?? 0
      const share = before + bytes
      // One body alone passes, however large.
      if (held + bytes > limit || (share > limit / SHARES && before > ofThis)) return false
      ofOwner.set(owner, share)
      held += bytes
      return true
    },
    give(owner, bytes) {
      held -= bytes
      const left = (ofOwner.get(owner) ?? 0) - bytes
      if (left > 0) ofOwner.set(owner, left)
      else ofOwner.delete(owner)
    },
  }
}

/** What one body takes, piece by piece as it arrives. */
export interface Room {
  /** @throws AppError overloaded */
  add(bytes: number): void
  free(): void
}

export function roomIn(memory: Memory, owner: string, what: string): Room {
  let [size, taken] = [0, 0]
  return {
    add(bytes) {
      size += bytes
      if (size <= SMALL_BYTES) return
      if (!memory.take(owner, size - taken, taken)) throw noRoom(what)
      taken = size
    },
    free() {
      if (taken > 0) memory.give(owner, taken)
      taken = 0
    },
  }
}

const noRoom = (what: string) =>
  new AppError('overloaded', `The gateway has no memory left for ${what}.`, {
    remedy: 'Try again in a moment, with less at a time.',
    data: { retryAfter: 1 },
  })
