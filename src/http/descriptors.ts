// How many connections fit: what the account may open, less what the store, server programs and our own requests need.
import { readFileSync } from 'node:fs'

/** The store with its journals, the control socket, the log, the event loop. */
const OWN = 64
const PER_CHILD = 4

/** Never less than half of the files go to clients, so that few allowed files do not mean none. */
export function connectionsWithin(openFiles: number, wanted: number, children: number): number {
  const spare = Math.max(Math.floor(openFiles / 2), openFiles - OWN - PER_CHILD * children)
  return Math.min(wanted, spare)
}

/** The limit in force (Linux). Elsewhere the system does not tell without a program, and the setting has to be right. */
export function openFilesLimit(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const soft = /^Max open files\s+(\d+)/m.exec(limits)
  return soft ? Number(soft[1]) : Number.POSITIVE_INFINITY
}
