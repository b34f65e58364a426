// Rows of state.db. Times are milliseconds since 1970, flags are 0 or 1, JSON is text. Nothing with a history is deleted.
import type { Generated } from 'kysely'
import type { EventTable, SealTable } from './events.ts'

export interface HeadTable {
  id: 1
  /** Bumped by every change that a cache may depend on. */
  seq: number
}

/** What a cache has to forget: one row per changed thing. */
export interface ChangeTable {
  seq: number
  topic: ChangeTopic
  ref: string
}

export type ChangeTopic =
  | 'grant'
  | 'key'
  | 'user'
  | 'client'
  | 'server'
  | 'catalog'
  | 'setting'
  | 'session'

export interface SettingTable {
  key: string
  value: string
  updated_at: number
}

/** Keys of the gateway itself (signing, cookies), sealed with the key of the data folder. */
export interface GatewaySecretTable {
  name: string
  sealed: string
  created_at: number
}

export interface UserTable {
  id: string
  login: string
  /** NFKC, lower case: what must be unique. */
  login_key: string
  name: string
  role: 'admin' | 'auditor' | 'member'
  password_hash: string | null
  created_at: number
  last_sign_in_at: number | null
  disabled_at: number | null
}

/** A browser that is signed in. */
export interface LoginSessionTable {
  id_hash: string
  user_id: string
  created_at: number
  last_seen_at: number
  expires_at: number
  ip: string | null
  user_agent: string | null
  /** The audit event of the sign-in: the end of every chain. */
  event_id: string
  ended_at: number | null
}

export interface SetupLinkTable {
  hash: string
  created_at: number
  expires_at: number
  used_at: number | null
}

export interface ClientTable {
  /** client_id: ours, or the URL of the metadata document. */
  id: string
  kind: 'dcr' | 'cimd' | 'static'
  name: string
  /** Registered metadata as JSON, without the secret. */
  metadata: string
  secret_sealed: string | null
  /** Digest of the metadata: identical public registrations share one row. */
  fingerprint: string | null
  trusted: 0 | 1
  created_at: number
  created_ip: string | null
  last_used_at: number | null
  revoked_at: number | null
}

/** Cached Client ID Metadata Documents. */
export interface ClientDocumentTable {
  url: string
  body: string
  fetched_at: number
  fresh_until: number
}

export interface GrantTable {
  id: string
  user_id: string
  client_id: string
  client_name: string
  /** Host of the redirect address: what a person recognises. */
  client_host: string | null
  resource: string
  /** Space separated, sorted. */
  scopes: string
  created_at: number
  expires_at: number | null
  ip: string | null
  user_agent: string | null
  first_used_at: number | null
  last_used_at: number | null
  last_ip: string | null
  calls: number
  /** The audit event of the consent; its parent is the sign-in. */
  event_id: string
  revoked_at: number | null
  revoked_reason: string | null
}

export interface AccessTokenTable {
  hash: string
  grant_id: string
  resource: string
  scopes: string
  created_at: number
  expires_at: number
  revoked_at: number | null
  /** The library's payload without the token itself. */
  payload: string
}

export interface ApiKeyTable {
  id: string
  hash: string
  /** `mk_` and the first characters: enough to recognise a key, useless to guess it. */
  prefix: string
  name: string
  user_id: string
  scopes: string
  /** Endpoint path it is limited to, such as `/s/notes/mcp`; null is every endpoint. */
  resource: string | null
  created_at: number
  expires_at: number | null
  first_used_at: number | null
  last_used_at: number | null
  last_ip: string | null
  calls: number
  event_id: string
  revoked_at: number | null
}

/** Everything else that the OAuth library stores: codes, refresh tokens, interactions, sessions. Ids hashed, secrets sealed. */
export interface OidcRecordTable {
  model: string
  id_hash: string
  payload: string
  grant_id: string | null
  uid_hash: string | null
  account_id: string | null
  client_id: string | null
  created_at: number
  expires_at: number | null
  consumed_at: number | null
  /** Refresh tokens: how often a consumed one was accepted again, and which one it replaced. */
  retries: number
  parent_hash: string | null
}

export type ServerKind = 'stdio' | 'http' | 'sse' | 'openapi' | 'cli' | 'builtin'
export type Permit = 'none' | 'read-only' | 'all'

export interface ServerTable {
  id: string
  name: string
  kind: ServerKind
  /** Address, or command and arguments; never a secret. */
  spec: string
  /** Shared secret headers and environment, sealed. */
  secret_sealed: string | null
  permit: Permit
  /** `everyone` signed in, or only those in server_people. */
  people: 'everyone' | 'listed'
  owner: 'admin' | 'file' | 'demo'
  created_at: number
  updated_at: number
  removed_at: number | null
}

export interface ServerPersonTable {
  server_id: string
  user_id: string
}

/** Last good catalogue of a server: lists are answered from here when it is down. */
export interface CatalogTable {
  server_id: string
  payload: string
  fetched_at: number
}

/** Session-era MCP sessions of clients. */
export interface McpSessionTable {
  id_hash: string
  /** `grt_…` or `key_…`: whose session it is. */
  owner: string
  user_id: string
  endpoint: string
  protocol_version: string
  client_info: string
  capabilities: string
  created_at: number
  last_seen_at: number
  ended_at: number | null
}

export interface McpTaskTable {
  /** Over server, owner and the id that the server gave. */
  id_hash: string
  /** Person and client, or `key_…`. */
  owner: string
  created_at: number
}

export interface StateTables {
  head: HeadTable
  changes: ChangeTable
  settings: SettingTable
  gateway_secrets: GatewaySecretTable
  users: UserTable
  login_sessions: LoginSessionTable
  setup_links: SetupLinkTable
  clients: ClientTable
  client_documents: ClientDocumentTable
  grants: GrantTable
  access_tokens: AccessTokenTable
  api_keys: ApiKeyTable
  oidc_records: OidcRecordTable
  servers: ServerTable
  server_people: ServerPersonTable
  catalogs: CatalogTable
  mcp_sessions: McpSessionTable
  mcp_tasks: McpTaskTable
  audit_events: EventTable
  seals: SealTable
}

export type StateRow<T extends keyof StateTables> = {
  [K in keyof StateTables[T]]: StateTables[T][K] extends Generated<infer V> ? V : StateTables[T][K]
}
