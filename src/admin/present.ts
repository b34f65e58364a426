// Rooms speak in milliseconds, sets and rows; the API speaks JSON that people and scripts can read.

/** Times (`…At`, `at`) become ISO 8601, sets become lists, row names become camelCase. Secrets stay [redacted]. */
export function present(value: unknown): unknown {
  if (value instanceof Set) return [...value].map(present)
  if (Array.isArray(value)) return value.map(present)
  if (value === null || typeof value !== 'object' || 'toJSON' in value) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const key = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
      return [key, isTime(key) && typeof inner === 'number' ? iso(inner) : present(inner)]
    }),
  )
}

export const iso = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString()

const isTime = (key: string) => key === 'at' || key.endsWith('At')
