// What both a gateway and a single command stand on: the store of a data folder, its vault, and the core.
import { hash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { storedPublicUrl } from '../admin/public-url.ts'
import type { Settings } from '../config/settings.ts'
import { openVault, type Vault } from '../credentials/vault.ts'
import { AppError } from '../kernel/app-error.ts'
import { idsFrom, systemRandom } from '../kernel/ids.ts'
import { systemClock } from '../kernel/time.ts'
import type { Core } from '../logs/core.ts'
import { createOpener, type Opener } from '../servers/open-link.ts'
import { makeFolder } from '../store/make-folder.ts'
import { openStore } from '../store/open.ts'
import { createLogger } from '../telemetry/logger.ts'

export interface Foundation {
  core: Core
  vault: Vault
  opener: Opener
}

/** `secretFiles`: what else server programs must not see. */
export async function openFoundation(
  settings: Settings,
  secretFiles: readonly string[] = [],
): Promise<Foundation> {
  const { dataDir, key } = settings
  try {
    makeFolder(dataDir)
  } catch (cause) {
    throw new AppError(
      'data_locked',
      `The data folder ${dataDir} cannot be made: ${(cause as Error).message}.`,
      {
        remedy: 'Choose a folder that this account may write to with --data.',
        cause,
      },
    )
  }
  const log = createLogger(settings.logLevel)
  const clock = systemClock
  const store = await openStore(
    settings.db === null
      ? { kind: 'sqlite', dir: dataDir, durability: settings.logs.durability }
      : { kind: 'postgres', url: settings.db },
    { clock, log },
  )
  const core: Core = { store, clock, random: systemRandom, newId: idsFrom(systemRandom), log }
  const vault = openVault(key ? { key } : { dir: dataDir })
  const opener = createOpener({
    clock,
    random: core.random,
    log,
    sandbox: settings.sandbox,
    instance: hash('sha256', realpathSync(dataDir), 'hex').slice(0, 16),
    hidden: [dataDir, ...secretFiles, ...namedByEnvironment()].map((path) => resolve(path)),
    env: process.env,
  })
  return { core, vault, opener }
}

/** Files that hold a secret of ours: `MOORING_KEY_FILE` and its like. */
const namedByEnvironment = (): string[] =>
  Object.entries(process.env).flatMap(([name, path]) =>
    /^MOORING_\w+_FILE$/.test(name) && path ? [path] : [],
  )

/** Where clients reach the gateway, and who said so: flag, environment and file, then what an admin stored, then the address in use. */
export async function publicUrlOf(
  core: Core,
  settings: Settings,
  port: number,
): Promise<{ url: string; stored: boolean }> {
  if (settings.publicUrl !== null) return { url: settings.publicUrl, stored: false }
  const stored = await storedPublicUrl(core)
  return stored === null
    ? { url: localUrl(settings, port), stored: false }
    : { url: stored, stored: true }
}

export function localUrl({ host }: Settings, port: number): string {
  const name =
    host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return new URL(`http://${name}:${port}`).origin
}

/** Seals are also written to a file beside the store, so that a chain that was written anew is noticed. */
export const checkpointFile = ({ db, dataDir }: Settings): { checkpointFile?: string } =>
  db === null ? { checkpointFile: join(dataDir, 'checkpoints.jsonl') } : {}
