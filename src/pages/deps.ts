// What the pages are given. Every verb of another room comes in as a function, so compose.ts does the wiring.
import type { Context } from 'hono'
import type { ApiKey } from '../grants/api-keys.ts'
import type { Grant } from '../grants/grants.ts'
import type { Interactions } from '../grants/pending-authorization.ts'
import type { Random } from '../kernel/ids.ts'
import type { Secret } from '../kernel/secret.ts'
import type { Clock } from '../kernel/time.ts'
import type { By, Origin } from '../logs/event.ts'
import type { SignedIn } from '../people/account.ts'
import type { Permit, ServerKind } from '../store/tables/state.ts'
import type { Logger } from '../telemetry/logger.ts'

export interface PagesDeps {
  clock: Clock
  random: Random
  log: Logger
  /** Key of the form tokens; the same on every replica and after a restart. */
  formKey: Secret
  /** Scheme, host and port under which this request reached us, checked by the door already. */
  ownOrigin(c: Context): string
  /** Context id, address and user agent of the request. */
  requestOrigin(c: Context): Origin
  /** Takes a form token: true for exactly one caller, on whatever replica. See form-once.ts. */
  /** `urgent`: for a form that takes rights away, also while the disk is full. */
  spend(tokenHash: string, expiresAt: number, urgent?: boolean): Promise<boolean>
  interactions: Interactions
  people: PeopleVerbs
  keys: KeyVerbs
  grants: GrantVerbs
  servers: ServerVerbs
  publicUrl: PublicUrlVerbs
}

interface PeopleVerbs {
  /** @throws AppError sign_in_failed | user_disabled | rate_limited | overloaded */
  signIn(
    origin: Origin,
    credentials: { login: string; password: Secret; cookie?: string | undefined },
  ): Promise<{ cookie: string; signedIn: SignedIn }>
  resolveSession(cookie: string | undefined): Promise<SignedIn | null>
  endSession(by: By, cookie: string | undefined): Promise<unknown>
  /** @throws AppError gone | conflict */
  checkSetupLink(token: string): Promise<{ expiresAt: number }>
  useSetupLink(
    origin: Origin,
    input: { token: string; login: string; name?: string | undefined; password: Secret },
  ): Promise<{ cookie: string; signedIn: SignedIn }>
}

/** One row of a list of keys. */
export type KeyView = Pick<
  ApiKey,
  | 'id'
  | 'name'
  | 'prefix'
  | 'createdAt'
  | 'expiresAt'
  | 'firstUsedAt'
  | 'lastUsedAt'
  | 'calls'
  | 'revokedAt'
>

interface KeyVerbs {
  /** Keys of one person; ended ones may be among them and are left out. */
  list(userId: string): Promise<KeyView[]>
  create(
    by: By,
    input: { userLogin: string; name: string; ttlMs: number | null },
  ): Promise<{ id: string; key: Secret; expiresAt: number | null }>
  revoke(by: By, id: string): Promise<unknown>
}

/** One row of a list of grants. The name is what the client says of itself: hostile text. */
export type ConnectionView = Pick<
  Grant,
  'id' | 'createdAt' | 'expiresAt' | 'firstUsedAt' | 'lastUsedAt' | 'calls' | 'revokedAt'
> & { client: { name: string; host: string | null } }

interface GrantVerbs {
  /** Grants of one person; ended ones may be among them and are left out. */
  list(userId: string): Promise<ConnectionView[]>
  revoke(by: By, id: string, reason: string): Promise<unknown>
}

export interface ServerView {
  name: string
  kind: ServerKind
  /** Address or command, free of secrets. */
  where: string
  permit: Permit
  /** Found at the last look; null before the first one. */
  tools: { found: number; hidden: number } | null
  /** Why the last look failed, with what to do. */
  error: { message: string; remedy?: string | undefined } | null
  /** For admins: what to know although it works. */
  warnings?: readonly string[]
}

interface ServerVerbs {
  /** Those that this person may use; all of them for an admin. */
  list(user: { id: string; role: string }): Promise<ServerView[]>
  addDemo(by: By): Promise<unknown>
}

export type PublicUrlSource = 'flag' | 'env' | 'file' | 'setting' | 'default'

interface PublicUrlVerbs {
  /** The origin in force, and who set it. */
  current(): { url: string; source: PublicUrlSource }
  /** The address as it would be stored, and how many grants end with the change. @throws AppError invalid_input */
  preview(url: string): Promise<{ url: string; grantsEnding: number }>
  set(by: By, url: string): Promise<unknown>
}
