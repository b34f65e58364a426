// Credentials in memory: token hash → entry, bounded, and found again by what a change names.
import type { Change } from '../store/store.ts'
import { type Entry, refOf } from './entry.ts'

export interface Cached {
  entry: Entry
  /** Looked at since the last time somebody had to go. */
  used: boolean
}

export interface EntryCache<C extends Cached> {
  get(hash: string): C | undefined
  put(hash: string, cached: C): void
  /** Drops what the changes touch; null is everything. Costs as much as there is to drop. */
  forget(changes: readonly Change[] | null): void
  readonly size: number
}

export function createEntryCache<C extends Cached>(most: number): EntryCache<C> {
  const byHash = new Map<string, C>()
  const byRef = new Map<string, Set<string>>()

  const drop = (hash: string) => {
    const cached = byHash.get(hash)
    if (!cached) return
    byHash.delete(hash)
    for (const ref of cached.entry.refs) {
      const hashes = byRef.get(ref)
      hashes?.delete(hash)
      if (hashes?.size === 0) byRef.delete(ref)
    }
  }

  /** Second chance: a hit only sets a flag, so the hot path moves nothing; the oldest unused one goes. */
  const makeRoom = () => {
    for (const [hash, cached] of byHash) {
      if (!cached.used) return drop(hash)
      cached.used = false
      byHash.delete(hash)
      byHash.set(hash, cached)
    }
  }

  return {
    get: (hash) => byHash.get(hash),
    put(hash, cached) {
      drop(hash)
      if (byHash.size >= most) makeRoom()
      byHash.set(hash, cached)
      for (const ref of cached.entry.refs) {
        const hashes = byRef.get(ref)
        if (hashes) hashes.add(hash)
        else byRef.set(ref, new Set([hash]))
      }
    },
    forget(changes) {
      if (changes === null) {
        byHash.clear()
        byRef.clear()
        return
      }
      for (const { topic, ref } of changes)
        for (const hash of [...(byRef.get(refOf(topic, ref)) ?? [])]) drop(hash)
    },
    get size() {
      return byHash.size
    },
  }
}
