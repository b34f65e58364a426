// Private places for server programs, outside the data folder: an empty working folder each, and a home for those
// that run as another user.
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Folders {
  /** The folders of one server, the same until the gateway ends. */
  of(serverId: string): Promise<{ work: string; home: string }>
  close(): Promise<void>
}

export function createFolders(owner: { uid: number; gid: number } | undefined): Folders {
  let root: Promise<string> | undefined
  const made = new Map<string, Promise<{ work: string; home: string }>>()

  const makeRoot = async () => {
    const dir = await mkdtemp(join(tmpdir(), 'mooring-servers-'))
    // Others pass through to their own folder and see nothing of the rest.
    if (owner) await chmod(dir, 0o711)
    return dir
  }
  const make = async (serverId: string) => {
    root ??= makeRoot()
    const base = join(await root, serverId)
    const folders = { work: join(base, 'work'), home: join(base, 'home') }
    for (const dir of [base, folders.work, folders.home]) {
      await mkdir(dir, { mode: 0o700 })
      if (owner) await chown(dir, owner.uid, owner.gid)
    }
    return folders
  }
  return {
    of: (serverId) => {
      let folders = made.get(serverId)
      if (!folders) {
        folders = make(serverId)
        made.set(serverId, folders)
      }
      return folders
    },
    close: async () => {
      made.clear()
      if (root) await rm(await root, { recursive: true, force: true })
      root = undefined
    },
  }
}
