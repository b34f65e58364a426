// Severities of log messages (2025-11-25 Logging; RFC 5424), and what a client hears of those a server sends.
import type { RpcNotification } from '../servers/link.ts'

const LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const

export type LogLevel = (typeof LEVELS)[number]

export const readLogLevel = (value: unknown): LogLevel | null =>
  LEVELS.find((level) => level === value) ?? null

/** The one that lets the most through; null of none. */
export function lowestLevel(levels: Iterable<LogLevel | null>): LogLevel | null {
  let lowest: number | null = null
  for (const level of levels)
    if (level) lowest = Math.min(lowest ?? LEVELS.length, LEVELS.indexOf(level))
  return lowest === null ? null : (LEVELS[lowest] ?? null)
}

/** Whether somebody who asked for `wanted` is to hear this. Everything that is no log message passes. */
export function heardAt(wanted: LogLevel, { method, params }: RpcNotification): boolean {
  if (method !== 'notifications/message') return true
  const level = readLogLevel(params?.level)
  return level !== null && LEVELS.indexOf(level) >= LEVELS.indexOf(wanted)
}
