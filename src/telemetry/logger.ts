// Structured log lines on stderr. One event is one line; values are escaped by JSON. Of an error only what we know to be
// harmless is written: libraries hang requests, connections and the bytes they stumbled over on theirs.
import pino from 'pino'
import { AppError, recordable } from '../kernel/app-error.ts'
import { masked } from '../kernel/mask.ts'
import { printable } from '../kernel/printable.ts'

export type Logger = pino.Logger
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export function createLogger(
  level: LogLevel,
  destination: pino.DestinationStream = pino.destination(2),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: withErrors },
      // What formatters.log made of errors stays as it is.
      serializers: { err: (value: unknown) => value },
      redact: {
        paths: ['authorization', '*.authorization', 'headers.cookie', 'headers["x-api-key"]'],
        censor: '[redacted]',
      },
    },
    { write: (line) => destination.write(printable(line)) },
  )
}

export const silentLogger = (): Logger => createLogger('silent')

/** Texts by name are masked, errors become what may be written of them. */
function withErrors(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? shown(value) : typeof value === 'string' ? masked(value) : value,
    ]),
  )
}

const DEEPEST = 5

function shown(error: Error, depth = 0): Record<string, unknown> {
  const { code } = error as { code?: unknown }
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined
  const cause = error.cause ?? first
  return {
    type: error.name,
    message: recordable(error),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error instanceof AppError && error.remedy ? { remedy: masked(error.remedy) } : {}),
    // Without its head, which repeats the message.
    stack: frames(error),
    ...(cause instanceof Error && depth < DEEPEST ? { cause: shown(cause, depth + 1) } : {}),
  }
}

const frames = ({ stack = '' }: Error): string =>
  stack
    .split('\n')
    .filter((line) => /^\s+at .+:\d+:\d+\)?$|^\s+at .+\(<anonymous>\)$/.test(line))
    .join('\n')
