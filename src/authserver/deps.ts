// What the authorization server is given by compose.ts. Rooms on its own level come in as functions.
import type { Context } from 'hono'
import type { Settings } from '../config/settings.ts'
import type { Vault } from '../credentials/vault.ts'
import type { ScopeChoice } from '../grants/pending-authorization.ts'
import type { SafeFetch } from '../kernel/safe-fetch.ts'
import type { Core } from '../logs/core.ts'
import type { Origin } from '../logs/event.ts'
import type { Journal } from '../logs/journal.ts'
import type { Account, SignedIn } from '../people/account.ts'

/** The MCP endpoints as resources (RFC 8707). */
export interface Endpoints {
  /** The endpoint that an absolute URL names; null when it names none. */
  resolve(url: string): Resource | null
}

export interface Resource {
  /** Without trailing slash: equal for all spellings of one endpoint. */
  path: string
  /** null: the aggregated endpoint. */
  serverName: string | null
}

/** What a person is told when there is no client to redirect to. */
export interface Message {
  status: number
  code: string
  title: string
  /** What happened and why. */
  text: string
  remedy: string
  /** Further lines, such as the registered redirect addresses. Hostile text. */
  details: readonly string[]
}

export interface AuthServerDeps {
  core: Core
  vault: Vault
  journal: Journal
  /** Origin of the gateway, which is the issuer: scheme, host, port; no path, no slash. */
  publicUrl(): string
  auth(): Settings['auth']
  endpoints: Endpoints
  /** Names of the servers as they are now: they make the scopes. */
  serverNames(): readonly string[]
  /** For metadata documents of clients: the only addresses of strangers that are ever fetched here. */
  safeFetch: SafeFetch
  /** Who is signed in on the browser that sent this Cookie header. */
  signedIn(cookieHeader: string | undefined, host: string | undefined): Promise<SignedIn | null>
  /** null when there is no such person, or the account is disabled. */
  findAccount(userId: string): Promise<Account | null>
  /** Where a request came from, with proxies already accounted for. */
  originOf(c: Context): Origin
  renderMessage(c: Context, message: Message): Response | Promise<Response>
  /** What the scopes mean to this person, for the consent page. */
  describeScopes(question: {
    userId: string
    resource: Resource
    scopes: readonly string[]
  }): Promise<ScopeChoice[]> | ScopeChoice[]
  /** Browser origins besides our own that may call the endpoints. */
  allowedOrigins(): readonly string[]
  limits?: Partial<Limits>
}

export interface Limits {
  /** New registrations of one address (IPv6: one /64) in an hour. Hosted clients of many people share an address. */
  registrationsPerHour: number
  /** New registrations of everybody in an hour: each leaves a row in the audit log, which is never deleted. */
  registrationsPerHourInAll: number
  /** Registered clients in all. Those that nobody used for an hour make room, and go after a day anyway. */
  clients: number
  /** Characters of metadata of all registered clients. */
  clientBytes: number
  /** Authorization requests of one address, or of one person who is signed in; also the most at once. */
  authorizationsPerMinute: number
  /** Requests kept while nobody has signed in for them; beyond, the oldest give way. */
  pendingRequests: number
}

const DEFAULT_LIMITS: Limits = {
  registrationsPerHour: 120,
  registrationsPerHourInAll: 2_000,
  clients: 20_000,
  clientBytes: 32 * 2 ** 20,
  authorizationsPerMinute: 60,
  pendingRequests: 5_000,
}

export const limitsOf = ({ limits }: Pick<AuthServerDeps, 'limits'>): Limits => ({
  ...DEFAULT_LIMITS,
  ...limits,
})
