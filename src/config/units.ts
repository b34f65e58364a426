// Durations and sizes as people write them: `15m`, `1h30m`, `4MB`. Plain numbers are seconds and bytes.

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }
// MB is what disks and networks mean by it; MiB is there for those who count in powers of two.
const BYTES: Record<string, number> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
}

export const DURATION = /^(\d+|(\d+(\.\d+)?[smhdw])+)$/
export const SIZE = /^\d+(\.\d+)?\s?([bB]|[kKmMgG][iI]?[bB])?$/

/** Seconds, or null when it is no duration. */
export function parseDuration(text: string): number | null {
  if (!DURATION.test(text)) return null
  if (/^\d+$/.test(text)) return Number(text)
  const parts = text.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)
  return Math.round([...parts].reduce((sum, [, n, unit]) => sum + Number(n) * SECONDS[unit!]!, 0))
}

/** Bytes, or null when it is no size. */
export function parseSize(text: string): number | null {
  if (!SIZE.test(text)) return null
  const unit = text.replace(/^[\d.]+\s?/, '').toLowerCase()
  return Math.round(Number.parseFloat(text) * BYTES[unit === '' ? 'b' : unit]!)
}

/** The shortest exact form: 900 → `15m`, 5400 → `90m`. */
export function formatDuration(seconds: number): string {
  const unit = ['d', 'h', 'm'].find((u) => seconds > 0 && seconds % SECONDS[u]! === 0) ?? 's'
  return `${seconds / SECONDS[unit]!}${unit}`
}

/** The shortest exact form: 4000000 → `4MB`, 4194304 → `4MiB`. */
export function formatSize(bytes: number): string {
  const unit = ['GiB', 'GB', 'MiB', 'MB', 'KiB', 'KB'].find(
    (u) => bytes > 0 && bytes % BYTES[u.toLowerCase()]! === 0,
  )
  return unit ? `${bytes / BYTES[unit.toLowerCase()]!}${unit}` : `${bytes}B`
}
