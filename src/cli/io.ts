// The world of a command: its streams, environment and folder. Data goes to stdout, people's text to stderr.
import { homedir } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { Env } from '../config/read-text.ts'

export interface Io {
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean; columns?: number }
  stderr: Writable & { isTTY?: boolean }
  env: Env
  cwd: string
  home: string
  pid: number
  /** Calls back on SIGINT and SIGTERM until disposed. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void
  exit(code: number): never
}

export function ioOf(process: NodeJS.Process): Io {
  // "mooring logs audit | head" closes our stdout early: that is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    pid: process.pid,
    onSignal: (listener) => {
      process.on('SIGINT', listener)
      process.on('SIGTERM', listener)
      return () => {
        process.off('SIGINT', listener)
        process.off('SIGTERM', listener)
      }
    },
    exit: (code) => process.exit(code),
  }
}
