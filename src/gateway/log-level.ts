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

/** What somebody hears who has not said what he wants. */
export const UNASKED: LogLevel = 'info'

export const readLogLevel = (value: unknown): LogLevel | null =>
  LEVELS.find((level) => level === value) ?? null

/** The one that lets the most through; null of none. */
export const lowestLevel = (levels: readonly (LogLevel | null)[]): LogLevel | null =>
  LEVELS.find((level) => levels.includes(level)) ?? null

/** Whether somebody who asked for `wanted` is to hear this. Everything that is no log message passes. */
export function heardAt(wanted: LogLevel, { method, params }: RpcNotification): boolean {
  if (method !== 'notifications/message') return true
  const level = readLogLevel(params?.level)
  return level !== null && LEVELS.indexOf(level) >= LEVELS.indexOf(wanted)
}
