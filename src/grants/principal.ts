// Who is calling: the one thing that every later step may rely on.
import type { UserTable } from '../store/tables/state.ts'

export interface Principal {
  /** `grt_…` or `key_…`. */
  id: string
  kind: 'grant' | 'key'
  user: { id: string; login: string; name: string; role: UserTable['role'] }
  /** null for API keys. */
  client: { id: string; name: string } | null
  scopes: ReadonlySet<string>
  /** Endpoint path the credential is good for, such as `/mcp` or `/s/notes/mcp`; null is every endpoint. */
  resource: string | null
  expiresAt: number | null
  /** Consent or key-creation event: the parent of every call. */
  eventId: string
}
