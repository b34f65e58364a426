// The scope vocabulary: `mcp` is everything the person may use; per server NAME:read < NAME:write < NAME:admin.

export const ALL_SCOPE = 'mcp'
export type Level = 'read' | 'write' | 'admin'
const LEVELS: readonly Level[] = ['read', 'write', 'admin']

export const serverScope = (server: string, level: Level) => `${server}:${level}`

/** Every scope of this gateway, in a fixed order. */
export const scopesOf = (servers: readonly string[]): string[] => [
  ALL_SCOPE,
  ...[...servers].sort().flatMap((name) => LEVELS.map((level) => serverScope(name, level))),
]

/** Whether `held` reaches `level` on `server`; a broader scope implies the narrower ones. */
export function reaches(held: ReadonlySet<string>, server: string, level: Level): boolean {
  if (held.has(ALL_SCOPE)) return true
  return LEVELS.slice(LEVELS.indexOf(level)).some((l) => held.has(serverScope(server, l)))
}

/** The level a tool needs, from its annotations: the specification's defaults are not read-only and destructive. */
export function levelOf(
  annotations: { readOnlyHint?: unknown; destructiveHint?: unknown } | undefined,
): Level {
  if (annotations?.readOnlyHint === true) return 'read'
  return annotations?.destructiveHint === false ? 'write' : 'admin'
}
