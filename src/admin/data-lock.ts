// One gateway per data folder. The operating system holds the lock and lets go of it however the process ends.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../kernel/app-error.ts'
import { openLockFile } from '../store/sqlite-files.ts'

const BUSY = 5

/** What a running gateway tells other processes of itself. */
const running = z.object({ pid: z.int(), socket: z.string() })
export type RunningGateway = z.output<typeof running>

export const gatewayFile = (dataDir: string) => join(dataDir, 'gateway.json')

/** What the last gateway wrote; it may be gone. null when there never was one. */
export function readGatewayFile(dataDir: string): RunningGateway | null {
  try {
    const parsed = running.safeParse(JSON.parse(readFileSync(gatewayFile(dataDir), 'utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    // Missing, or cut off by a crash: both mean that nobody can be reached through it.
    return null
  }
}

/** @throws AppError data_locked naming the process that holds the folder */
export function lockDataFolder(dataDir: string): { release(): void } {
  const file = openLockFile(dataDir, 'gateway.lock')
  try {
    file.exec('begin exclusive')
  } catch (error) {
    file.close()
    if ((error as { errcode?: number }).errcode !== BUSY) throw error
    const pid = readGatewayFile(dataDir)?.pid
    const who = pid === undefined ? 'Another gateway' : `A gateway with the process id ${pid}`
    throw new AppError('data_locked', `${who} is running on ${dataDir}.`, {
      remedy: 'Use that one, stop it, or choose another folder with --data.',
      cause: error,
      ...(pid !== undefined && { data: { pid } }),
    })
  }
  return { release: () => file.close() }
}
