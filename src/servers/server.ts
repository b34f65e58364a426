// The record of a server as the rest of the program sees it: a parsed row, never the row itself.
import type { Secret } from '../kernel/secret.ts'
import type { Permit } from '../store/tables/state.ts'

export type ServerSpec =
  | { kind: 'stdio'; command: string; args: string[]; cwd?: string; env?: Record<string, string> }
  | { kind: 'http'; url: string }
  | { kind: 'sse'; url: string }
  | { kind: 'builtin'; program: 'demo' }

/** Shared secret of a server: headers and the query of the address for http and sse, environment for stdio. */
export interface ServerSecret {
  headers?: Record<string, Secret>
  env?: Record<string, Secret>
  /** `?key=…` as it stood in the address that was given; the spec has the address without. */
  query?: Secret
}

export interface Server {
  id: string
  name: string
  spec: ServerSpec
  permit: Permit
  /** null: everyone who is signed in. */
  people: ReadonlySet<string> | null
  owner: 'admin' | 'file' | 'demo'
  /** Changes with every update: a link made for an older revision is closed. */
  revision: number
}
