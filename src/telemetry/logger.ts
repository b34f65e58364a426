// Structured log lines on stderr. One event is one line; values are escaped by JSON.
import pino from 'pino'

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
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['authorization', '*.authorization', 'headers.cookie', 'headers["x-api-key"]'],
        censor: '[redacted]',
      },
    },
    destination,
  )
}

export const silentLogger = (): Logger => createLogger('silent')
