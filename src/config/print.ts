// The settings in force, for people and for bug reports: each with where it came from, secrets never.
import type { Loaded, Source } from './load.ts'
import { options } from './options.ts'
import type { OptionKind } from './schema.ts'
import { formatDuration, formatSize } from './units.ts'

export interface ShownSetting {
  key: string
  value: unknown
  from: Source
}

const camel = (key: string) => key.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

export function showSettings({ settings, provenance }: Loaded): ShownSetting[] {
  return options.map(({ key, path, kind, secret }) => {
    const value = path.reduce<unknown>(
      (at, part) => (at as Record<string, unknown>)[camel(part)],
      settings,
    )
    return {
      key,
      value: secret && value !== null ? redact(value) : shown(kind, value),
      from: provenance[key] ?? 'default',
    }
  })
}

function shown(kind: OptionKind, value: unknown): unknown {
  if (typeof value !== 'number') return value
  if (kind === 'duration') return formatDuration(value)
  return kind === 'size' ? formatSize(value) : value
}

/** Of a database URL the host and name are worth seeing; whatever may be a password is not. */
function redact(value: unknown): string {
  if (typeof value !== 'string' || !URL.canParse(value)) return '[redacted]'
  const url = new URL(value)
  const user = url.username ? `${url.username}${url.password ? ':[redacted]' : ''}@` : ''
  return `${url.protocol}//${user}${url.host}${url.pathname}${url.search ? '?[redacted]' : ''}`
}
