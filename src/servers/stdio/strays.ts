// Processes that a server program left behind outside its process group: found by a mark in the environment that
// everything it starts inherits. Linux only; where a sandbox with its own processes ends them all, nothing is found.
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'

/** The one variable of ours that programs get. */
export const MARK = 'MOORING_PROGRAM'

const ROUNDS = 5
/** So many are looked at before others get their turn. */
const SLICE = 100

/** Kills every process whose mark begins with `mark`. Resolves to how many it found. */
export async function killStrays(mark: string): Promise<number> {
  let killed = 0
  // One that forks while it is looked for is found in the next round.
  for (let round = 0; round < ROUNDS; round++) {
    const found = await marked(mark)
    for (const pid of found) kill(pid)
    if (found.length === 0) break
    killed += found.length
  }
  return killed
}

async function marked(mark: string): Promise<number[]> {
  const pids = (await entries('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid)
  const found: number[] = []
  // Such a file is memory: reading it at once takes microseconds, through the pool of threads ten times as long.
  for (let at = 0; at < pids.length; at += SLICE) {
    found.push(...pids.slice(at, at + SLICE).filter((pid) => carries(pid, mark)))
    await setImmediate()
  }
  return found
}

function carries(pid: number, mark: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
    return `\0${environment}`.includes(`\0${MARK}=${mark}`)
  } catch {
    return false // Gone meanwhile, or not ours to look at, so not ours to end.
  }
}

/** Empty where the system has no such folder. */
const entries = (folder: string) => readdir(folder).catch(() => [])

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone by itself meanwhile.
  }
}
