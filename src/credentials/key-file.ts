// The key file of the data folder. Made once, private from its first byte; of two processes that start together both
// end up with the same key.
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { AppError, messageOf } from '../kernel/app-error.ts'
import { makeFolder } from '../store/make-folder.ts'

export function readOrCreateKeyFile(dir: string, newKey: () => Buffer): string {
  const path = join(dir, 'mooring.key')
  try {
    return read(path) ?? create(dir, path, newKey())
  } catch (cause) {
    throw new AppError('data_locked', `The key file ${path} cannot be used: ${messageOf(cause)}`, {
      remedy: 'Give the user that runs mooring access to the file, or restore it from a backup.',
      cause,
    })
  }
}

function read(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
    return text
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Written whole under another name first; the link fails if the file exists by then, and that one counts. */
function create(dir: string, path: string, key: Buffer): string {
  makeFolder(dir)
  const draft = `${path}.${process.pid}.tmp`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, `${key.toString('base64url')}\n`)
    fsyncSync(file)
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    closeSync(file)
    rmSync(draft)
  }
  return readFileSync(path, 'utf8')
}
