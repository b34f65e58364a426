// The settings in force, parsed. config/schema.ts is their one definition; load.ts says where each came from.
import type { Secret } from '../kernel/secret.ts'

export interface Settings {
  host: string
  port: number
  dataDir: string
  /** Postgres URL; null is SQLite in dataDir. */
  db: string | null
  /** Key of the vault; null: a key file in dataDir. */
  key: Secret | null
  /** Origin under which clients reach the gateway: scheme, host, port; no path. null: http://host:port. */
  publicUrl: string | null
  /** Proxies whose X-Forwarded-For is believed. */
  trustedProxies: string[]
  /** Browser origins that may call the endpoints (CORS), besides our own. */
  allowedOrigins: string[]
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  auth: {
    /** Seconds, 300 to 86400. */
    accessTokenTtl: number
    /** Seconds until a grant ends without use of its refresh token. */
    refreshTokenTtl: number
    registration: boolean
    clientDocuments: boolean
  }
  logs: { durability: 'process' | 'power' }
  limits: {
    /** Bytes of one request body on the endpoints. */
    requestBytes: number
    /** Seconds until a call to a server is given up. */
    callTimeout: number
    /** Processes of stdio servers at once. */
    children: number
    /** Characters of the name of a tool. */
    toolName: number
    /** Connections of clients at once, and of one address. */
    connections: number
    connectionsPerClient: number
    /** Event streams that the clients of one person hold open. */
    streamsPerUser: number
    /** Seconds that a client may take to send a request. */
    clientTimeout: number
    /** Seconds until an MCP session that nobody uses ends. */
    sessionIdle: number
    /** MCP sessions of one grant or key. */
    sessionsPerClient: number
  }
  sandbox: 'auto' | 'off' | 'required'
}
