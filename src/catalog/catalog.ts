// What one server offers, ready to be listed and called: definitions, public names, pre-serialised fragments.
import type { Era, JsonObject } from '../kernel/mcp.ts'

export interface ToolEntry {
  /** The server's own name. */
  name: string
  /** `server__tool`, or its stable alias when that is too long or has other characters: the name on /mcp. */
  publicName: string
  definition: JsonObject & { name: string; inputSchema: JsonObject; annotations?: JsonObject }
  /** The definition as JSON under the server's own name, or its alias (for /s/NAME/mcp), and under `publicName` (for /mcp). */
  ownFragment: string
  publicFragment: string
  /** Why it is not listed (invalid schema, name clash), in words for the admin; null when it is. */
  hidden: string | null
  /** Problems with the arguments, or null; compiled lazily, bounded. */
  check(args: unknown): string | null
}

export interface NamedEntry {
  name: string
  publicName: string
  ownFragment: string
  publicFragment: string
}

export interface ResourceEntry {
  uri: string
  fragment: string
}

export interface TemplateEntry {
  uriTemplate: string
  fragment: string
  matches(uri: string): boolean
}

export interface Catalog {
  serverId: string
  serverName: string
  era: Era
  hello: {
    protocolVersion: string
    serverInfo: JsonObject
    capabilities: JsonObject
    instructions?: string
  }
  /** By the name on /s/NAME/mcp: the server's own, or its alias. The same for prompts. */
  tools: ReadonlyMap<string, ToolEntry>
  prompts: ReadonlyMap<string, NamedEntry>
  resources: ReadonlyMap<string, ResourceEntry>
  templates: readonly TemplateEntry[]
  /** What was left out or could not be read, in words for the admin. */
  problems: readonly string[]
  fetchedAt: number
}
