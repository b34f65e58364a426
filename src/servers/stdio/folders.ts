// Private places for server programs, outside the data folder: an empty working folder each, and a home for those
// that run as another user.
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../../telemetry/logger.ts'
import type { ProgramUser } from './sandbox.ts'

export interface ProgramFolders {
  /** All that belongs to this server. */
  own: string
  work: string
  home: string
  /** Where those of every server are. */
  all: string
}

export interface Folders {
  /** The folders of one server, the same until the gateway ends. */
  of(serverId: string, owner: ProgramUser | undefined): Promise<ProgramFolders>
  /** Removes what a gateway of this instance that was killed has left. Only while no other one runs. */
  sweep(): Promise<void>
  close(): Promise<void>
}

export function createFolders(instance: string, log: Logger): Folders {
  let root: Promise<string> | undefined
  const made = new Map<string, Promise<ProgramFolders>>()
  const prefix = `mooring-servers-${instance}-`

  const makeRoot = async () => {
    const dir = await mkdtemp(join(tmpdir(), prefix))
    // Others pass through to their own folder and see nothing of the rest.
    await chmod(dir, 0o711)
    return dir
  }
  /** What a program has made so that it cannot be removed must not keep the gateway from starting or ending. */
  const remove = async (dir: string) => {
    try {
      // Anyone can make a folder of that name: only our own are touched.
      const { uid } = await lstat(dir)
      if (uid === process.getuid?.()) await rm(dir, { recursive: true, force: true })
    } catch (error) {
      log.warn({ err: error, dir }, 'a folder of server programs could not be removed')
    }
  }
  const make = async (serverId: string, owner: ProgramUser | undefined) => {
    root ??= makeRoot()
    const all = await root
    const own = join(all, serverId)
    const folders = { own, work: join(own, 'work'), home: join(own, 'home'), all }
    for (const dir of [own, folders.work, folders.home]) {
      await mkdir(dir, { mode: 0o700 })
      if (owner) await chown(dir, owner.uid, owner.gid)
    }
    return folders
  }
  return {
    of: (serverId, owner) => {
      let folders = made.get(serverId)
      if (!folders) {
        folders = make(serverId, owner)
        made.set(serverId, folders)
        folders.catch(() => made.delete(serverId)) // A disk that was full is tried again.
      }
      return folders
    },
    sweep: async () => {
      const current = await root
      for (const name of await readdir(tmpdir())) {
        const dir = join(tmpdir(), name)
        if (!name.startsWith(prefix) || dir === current) continue
        await remove(dir)
      }
    },
    close: async () => {
      made.clear()
      if (root) await remove(await root)
      root = undefined
    },
  }
}
