// What the admin API can do, as one list of functions. compose.ts fills it from the rooms; the API itself decides nothing.
import type { ShownSetting } from '../config/print.ts'
import type { ApiKey, NewKey } from '../grants/api-keys.ts'
import type { Grant } from '../grants/grants.ts'
import type { Era } from '../kernel/mcp.ts'
import type { Secret } from '../kernel/secret.ts'
import type { By } from '../logs/event.ts'
import type { Account } from '../people/account.ts'
import type { NewUser } from '../people/users.ts'
import type { Server, ServerSecret, ServerSpec } from '../servers/server.ts'
import type { StoredEvent } from '../store/store.ts'
import type { Stream } from '../store/tables/events.ts'
import type { Permit } from '../store/tables/state.ts'
import type { PublicUrlChange } from './public-url.ts'

export interface AdminVerbs {
  status(): Promise<Status>
  users: {
    create(by: By, input: NewUser): Promise<Account>
    list(): Promise<Account[]>
    disable(by: By, login: string): Promise<Account>
    enable(by: By, login: string): Promise<Account>
    setPassword(by: By, input: { login: string; password: Secret }): Promise<void>
    /** For making the first admin in a browser. @throws AppError conflict when there is an admin */
    setupLink(): Promise<{ url: string; expiresAt: number }>
  }
  keys: {
    create(by: By, input: NewKey): Promise<{ id: string; key: Secret; expiresAt: number | null }>
    list(filter: { userId?: string }): Promise<ApiKey[]>
    revoke(by: By, id: string): Promise<void>
  }
  grants: {
    list(filter: { userId?: string; clientId?: string; includeRevoked?: boolean }): Promise<Grant[]>
    revoke(by: By, id: string, reason: string): Promise<void>
  }
  clients: {
    list(): Promise<ClientSummary[]>
    show(id: string): Promise<ClientSummary>
    /** Ends its grants too. */
    revoke(by: By, id: string): Promise<void>
    trust(by: By, id: string): Promise<void>
    add(by: By, input: NewClient): Promise<{ id: string; secret: Secret | null }>
  }
  servers: {
    list(): Promise<ListedServer[]>
    /** Connects with what is given, stores nothing. */
    test(input: { name?: string; spec: ServerSpec; secret?: ServerSecret }): Promise<TestedServer>
    /** Connects the way the gateway does. @throws AppError server_unknown */
    testStored(name: string): Promise<TestedServer>
    add(by: By, input: NewServer): Promise<Server>
    update(
      by: By,
      name: string,
      change: { permit?: Permit; people?: readonly string[] | null },
    ): Promise<Server>
    remove(by: By, name: string): Promise<void>
  }
  logs: {
    /** Newest first. */
    list(query: {
      stream: Stream
      sinceMs?: number
      search?: string
      limit?: number
      beforeSeq?: number
    }): Promise<StoredEvent[]>
    verify(): Promise<LogCheck>
  }
  settings: {
    show(): Promise<ShownSettings>
    /** What setting this public URL would do; changes nothing. */
    preview(publicUrl: string | null): Promise<PublicUrlChange>
    setPublicUrl(by: By, publicUrl: string | null, endsGrants: number): Promise<PublicUrlChange>
  }
}

export interface Status {
  /** Of the gateway, or of the command that opened the store itself. */
  pid: number
  /** Whether a gateway answers clients in this process. */
  serving: boolean
  url: string | null
  version: string
  store: 'sqlite' | 'postgres'
  dataDir: string
}

export interface ClientSummary {
  id: string
  kind: 'dcr' | 'cimd' | 'static'
  name: string
  trusted: boolean
  redirectUris: readonly string[]
  createdAt: number
  lastUsedAt: number | null
  revokedAt: number | null
}

export interface NewClient {
  name: string
  redirectUris: readonly string[]
  scopes?: readonly string[] | undefined
}

export interface NewServer {
  name: string
  spec: ServerSpec
  secret?: ServerSecret
  permit?: Permit
  /** Login names; null or left out is everyone who is signed in. */
  people?: readonly string[] | null
}

/** A server, and how it is doing if this process knows. */
export interface ListedServer extends Server {
  /** Login names behind `people`. */
  logins: readonly string[] | null
  status: string | null
  /** What an admin should know although it works. */
  warnings: readonly string[]
}

export interface TestedServer {
  hello: {
    era: Era
    protocolVersion: string
    name: string
    version: string
    instructions: string | null
  }
  tools: readonly FoundTool[]
  /** What to notice about the command, what it left out, names that some clients cannot take. */
  warnings: readonly string[]
}

export interface FoundTool {
  name: string
  description: string
  level: 'read' | 'write' | 'admin'
  /** Why it will not be listed; null when it will. */
  hidden: string | null
}

export interface LogCheck {
  ok: boolean
  streams: readonly {
    stream: Stream
    ok: boolean
    /** Rows under a good seal, and rows that no seal covers yet. */
    sealed: number
    unsealed: number
    problems: readonly string[]
  }[]
}

export interface ShownSettings {
  settings: readonly ShownSetting[]
  publicUrl: {
    /** In force now, with the one that follows from host and port when none is set. */
    effective: string
    /** `stored`: set through this API. Only stored and default can be changed here. */
    from: 'flag' | 'env' | 'file' | 'stored' | 'default'
  }
}
