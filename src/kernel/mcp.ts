// The two protocol eras and the shape of JSON objects, shared by every room that touches MCP.

/** `session`: 2025-11-25 and before. `stateless`: 2026-07-28. */
export type Era = 'session' | 'stateless'

export type JsonObject = { [key: string]: unknown }

export const SESSION_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
export const STATELESS_VERSIONS = ['2026-07-28'] as const
