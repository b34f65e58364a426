// Server programs get no way into the gateway or into each other: a user each when it runs as root, and bubblewrap
// where it works, which hides the data folder, the control socket, the configuration and every process outside.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { AppError } from '../../kernel/app-error.ts'
import type { ProgramFolders } from './folders.ts'

export type SandboxMode = 'auto' | 'off' | 'required'

export interface ProgramUser {
  uid: number
  gid: number
  name: string
}

export interface Confinement {
  command: string
  args: string[]
}

export interface Sandbox {
  /** Whose rights the programs of a server have; undefined is the gateway's own user. */
  userOf(serverId: string): ProgramUser | undefined
  /** Whether everything that a program starts ends with it, whatever it does. */
  readonly endsAll: boolean
  /** @throws AppError server_start when a sandbox is required and there is none */
  confine(
    command: string,
    args: readonly string[],
    folders: Pick<ProgramFolders, 'own' | 'all'>,
  ): Confinement
  /** One sentence for the admin: how server programs are kept apart, or that they are not. */
  report(): string
}

export interface SandboxOptions {
  mode: SandboxMode
  /** Folders and files that programs must not see: the data folder, and wherever else secrets lie. */
  hidden: readonly string[]
  /** For tests; otherwise found out. */
  uid?: number | undefined
  bwrap?: string | null
  setpriv?: string | null
}

/** Users without a name or a login, out of a range that systemd's list of users calls unused. */
const USERS = { first: 60_600, count: 500 }
const PROBE_MS = 5000
/** Through it, whoever is signed in starts programs outside any sandbox (systemd, D-Bus). */
const SESSION_SOCKETS = '/run/user'

/** Finds out once what this system offers. */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { mode, hidden } = options
  const uid = options.uid ?? process.getuid?.()
  const otherUsers = mode !== 'off' && uid === 0
  const users = new Map<string, ProgramUser>()
  const userOf = (serverId: string): ProgramUser => {
    let user = users.get(serverId)
    if (!user) {
      const id = USERS.first + (users.size % USERS.count)
      user = { uid: id, gid: id, name: `mooring-${id}` }
      users.set(serverId, user)
    }
    return user
  }
  const probing = otherUsers ? USERS.first : undefined
  const bwrap =
    mode === 'off'
      ? null
      : options.bwrap !== undefined
        ? options.bwrap
        : await works('bwrap', [...BASE, '--tmpfs', '/tmp', '--remount-ro', '/tmp'], probing)
  const setpriv =
    bwrap !== null
      ? null
      : options.setpriv !== undefined
        ? options.setpriv
        : await works('setpriv', ENDS_WITH_US, probing)
  return {
    userOf: (serverId) => (otherUsers ? userOf(serverId) : undefined),
    endsAll: bwrap !== null,
    confine: (command, args, folders) => {
      if (mode === 'required' && !bwrap && !otherUsers) {
        throw new AppError(
          'server_start',
          'The settings require a sandbox for server programs, and this system offers none.',
          { remedy: 'Install bubblewrap (bwrap) and allow user namespaces, or set sandbox: auto.' },
        )
      }
      if (bwrap) {
        // Below a folder that another user cannot enter, such as /root, bwrap can hide nothing and need not.
        const now = hidden.flatMap(whereNow)
        const inReach = otherUsers ? now.filter(canBeReached) : now
        return { command: bwrap, args: [...bwrapArgs(inReach, folders), '--', command, ...args] }
      }
      if (!setpriv) return { command, args: [...args] }
      const noWayBack = otherUsers ? ['--no-new-privs'] : []
      return { command: setpriv, args: [...ENDS_WITH_US, ...noWayBack, '--', command, ...args] }
    },
    report: () => reportOf(mode, otherUsers, bwrap !== null),
  }
}

const BASE = [
  ...['--bind', '/', '/', '--dev-bind', '/dev', '/dev', '--unshare-pid', '--unshare-ipc'],
  ...['--proc', '/proc', '--die-with-parent'],
]
const ENDS_WITH_US = ['--pdeathsig', 'KILL']

function bwrapArgs(
  hidden: readonly string[],
  { own, all }: Pick<ProgramFolders, 'own' | 'all'>,
): string[] {
  const empty = (folder: string) => ['--tmpfs', folder, '--remount-ro', folder]
  return [
    ...BASE,
    ...['--tmpfs', all, '--bind', own, own],
    ...(existsSync(SESSION_SOCKETS) ? empty(SESSION_SOCKETS) : []),
    ...hidden.filter((path) => !isFile(path)).flatMap(empty),
    ...hidden
      .filter((path) => isFile(path) && !hidden.some((folder) => path.startsWith(`${folder}/`)))
      .flatMap((path) => ['--ro-bind', '/dev/null', path]),
  ]
}

/** Secrets are renewed by pointing their name elsewhere; what is gone, or was a pipe, need not be hidden. */
function whereNow(path: string): string[] {
  const there = statSync(path, { throwIfNoEntry: false })
  return there?.isFile() || there?.isDirectory() ? [realpathSync(path)] : []
}

/** Whether every folder above it lets everybody through. */
function canBeReached(path: string): boolean {
  const parent = dirname(path)
  const mode = statSync(parent, { throwIfNoEntry: false })?.mode ?? 0o001
  return (mode & 0o001) !== 0 && (parent === path || canBeReached(parent))
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

function reportOf(mode: SandboxMode, otherUsers: boolean, bwrap: boolean): string {
  if (mode === 'off')
    return 'Server programs run without a sandbox (sandbox: off): they can read the data folder and act as the gateway.'
  const hides =
    'in a sandbox that hides the data folder, the control socket, the configuration and other processes'
  if (otherUsers && bwrap) return `Server programs run as a user each, ${hides}.`
  if (otherUsers)
    return 'Server programs run as a user each, who cannot read the data folder or use the control socket.'
  if (bwrap)
    return `Server programs run ${hides}; your other files they can read and change, as any program of yours.`
  return 'Server programs are NOT kept apart: bubblewrap does not work here and the gateway does not run as root, so a server program can read the data folder and act as the gateway. Install bubblewrap, or add only programs that you trust.'
}

/** The program, if it can do here what it will have to do. */
function works(program: string, args: string[], uid: number | undefined): Promise<string | null> {
  const child = spawn(program, [...args, '--', 'true'], {
    stdio: 'ignore',
    timeout: PROBE_MS,
    env: { PATH: process.env.PATH ?? '' },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  return new Promise((resolve) => {
    child.once('error', () => resolve(null))
    child.once('exit', (code) => resolve(code === 0 ? program : null))
  })
}
