// When a grant or key was last used, from where, and how often. Bookkeeping: no audit, nothing that caches depend on.
import { messageOf } from '../kernel/app-error.ts'
import { seconds } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import type { Tx } from '../store/store.ts'
import type { Principal } from './principal.ts'

export interface Usage {
  /** The first use is written at once, so that a page that waits for it turns green; later ones every half minute. */
  used(principal: Principal, ip: string | undefined): void
  /** Resolves when everything noted so far is stored. @throws what the store throws; the uses are kept for the next time */
  flush(): Promise<void>
}

export const WRITE_EVERY = seconds(30)
const MOST_REMEMBERED = 100_000

interface Note {
  kind: Principal['kind']
  calls: number
  at: number
  ip: string | null
}

export function createUsage(core: Core): Usage {
  let pending = new Map<string, Note>()
  const seen = new Set<string>()
  let timer: { cancel(): void } | null = null
  let writing: Promise<void> = Promise.resolve()

  const schedule = () => {
    timer ??= core.clock.after(WRITE_EVERY, writeSoon)
  }

  const write = async () => {
    timer?.cancel()
    timer = null
    if (pending.size === 0) return
    const notes = pending
    pending = new Map()
    try {
      await core.store.transaction(({ db }) => store(db, notes))
    } catch (error) {
      for (const [id, note] of notes) pending.set(id, merge(note, pending.get(id)))
      schedule()
      throw error
    }
  }

  /** One write at a time, in order, so that a flush also waits for the one under way. */
  const flush = () => {
    const next = writing.then(write)
    writing = next.catch(() => undefined)
    return next
  }

  function writeSoon(): void {
    flush().catch((error: unknown) =>
      core.log.warn(
        { error: messageOf(error) },
        'uses of credentials could not be stored; tried again later',
      ),
    )
  }

  return {
    used(principal, ip) {
      const note = pending.get(principal.id)
      const at = core.clock.now()
      if (note) {
        note.calls++
        note.at = at
        note.ip = ip ?? note.ip
      } else pending.set(principal.id, { kind: principal.kind, calls: 1, at, ip: ip ?? null })
      if (seen.has(principal.id)) return schedule()
      if (seen.size >= MOST_REMEMBERED) seen.clear()
      seen.add(principal.id)
      writeSoon()
    },
    flush,
  }
}

const merge = (older: Note, newer: Note | undefined): Note =>
  newer ? { ...newer, calls: older.calls + newer.calls, ip: newer.ip ?? older.ip } : older

async function store(db: Tx, notes: ReadonlyMap<string, Note>): Promise<void> {
  // Always in the same order, so that two replicas cannot wait for each other.
  for (const [id, note] of [...notes].sort(([a], [b]) => (a < b ? -1 : 1)))
    await db
      .updateTable(note.kind === 'key' ? 'api_keys' : 'grants')
      .set((e) => ({
        first_used_at: e.fn.coalesce('first_used_at', e.val(note.at)),
        last_used_at: note.at,
        last_ip: e.fn.coalesce(e.val(note.ip), 'last_ip'),
        calls: e('calls', '+', note.calls),
      }))
      .where('id', '=', id)
      .execute()
}
