// How a server does, for the admin: state, last error, and what its program printed.
import type { Era } from '../kernel/mcp.ts'
import type { LinkDiagnosis } from './link.ts'
import type { PoolEntry, ServerRecord } from './pool.ts'

export interface ServerStatus {
  /** `idle`: nothing is open, and nothing is wrong. `failing`: the last attempt failed. `paused`: left alone for a while. */
  state: 'idle' | 'opening' | 'up' | 'failing' | 'paused'
  era: Era | null
  links: number
  /** Milliseconds since 1970 of the oldest open link. */
  since: number | null
  restarts: number
  lastError: { message: string; at: number } | null
  /** When a paused server is tried again. */
  retryAt: number | null
  programs: LinkDiagnosis[]
}

export function statusOf(
  entries: readonly PoolEntry[],
  record: ServerRecord | undefined,
): ServerStatus {
  const open = entries.filter((entry) => entry.link && !entry.link.closed)
  const breaker = record?.breaker.state
  return {
    state: stateOf(entries, open.length, breaker),
    era: open[0]?.link?.hello.era ?? null,
    links: open.length,
    since: open.length > 0 ? Math.min(...open.map((entry) => entry.openedAt)) : null,
    restarts: record?.restarts ?? 0,
    lastError: breaker?.lastError ?? null,
    retryAt: breaker?.retryAt ?? null,
    programs: entries.flatMap((entry) => entry.link?.diagnose?.() ?? []),
  }
}

function stateOf(
  entries: readonly PoolEntry[],
  open: number,
  breaker: { failures: number; retryAt: number | null } | undefined,
): ServerStatus['state'] {
  if (breaker && breaker.retryAt !== null) return 'paused'
  if (breaker && breaker.failures > 0) return 'failing'
  if (open > 0) return 'up'
  return entries.length > 0 ? 'opening' : 'idle'
}
