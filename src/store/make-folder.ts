// mkdir -p in as many steps as the path has parts. Node's own goes on for ever where a parent exists and a child can
// never be made, as in /proc.
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** @throws what mkdir throws; a folder that is there already is none of it */
export function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return
    const parent = dirname(dir)
    const missing = statSync(parent, { throwIfNoEntry: false }) === undefined
    if (code !== 'ENOENT' || parent === dir || !missing) throw error
    makeFolder(parent)
    makeFolder(dir)
  }
}
