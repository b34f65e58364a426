// Server programs get no way into the gateway: another user when it runs as root, and bubblewrap where it works,
// which hides the data folder, the control socket and every process outside.
import { spawn } from 'node:child_process'
import { AppError } from '../../kernel/app-error.ts'

export type SandboxMode = 'auto' | 'off' | 'required'

export interface Confinement {
  command: string
  args: string[]
  /** Whose rights the program has; undefined is the gateway's own user. */
  user: { uid: number; gid: number; name: string } | undefined
}

export interface Sandbox {
  readonly user: Confinement['user']
  /** @throws AppError server_start when a sandbox is required and there is none */
  confine(command: string, args: readonly string[]): Confinement
  /** One sentence for the admin: how server programs are kept apart, or that they are not. */
  report(): string
}

export interface SandboxOptions {
  mode: SandboxMode
  /** Folders that programs must not see: the data folder, and wherever else secrets lie. */
  hidden: readonly string[]
  /** For tests; otherwise found out. */
  uid?: number | undefined
  bwrap?: string | null
}

/** On every Unix the user and group without rights of their own. */
const NOBODY = { uid: 65_534, gid: 65_534, name: 'nobody' }
const PROBE_MS = 5000

/** Finds out once what this system offers. */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { mode, hidden } = options
  const uid = options.uid ?? process.getuid?.()
  const user = mode !== 'off' && uid === 0 ? NOBODY : undefined
  const bwrap =
    mode === 'off' ? null : options.bwrap !== undefined ? options.bwrap : await findBwrap(user)
  return {
    user,
    confine: (command, args) => {
      if (mode === 'required' && !bwrap && !user) {
        throw new AppError(
          'server_start',
          'The settings require a sandbox for server programs, and this system offers none.',
          { remedy: 'Install bubblewrap (bwrap) and allow user namespaces, or set sandbox: auto.' },
        )
      }
      if (!bwrap) return { command, args: [...args], user }
      return { command: bwrap, args: [...bwrapArgs(hidden), '--', command, ...args], user }
    },
    report: () => reportOf(mode, user !== undefined, bwrap !== null),
  }
}

function bwrapArgs(hidden: readonly string[]): string[] {
  return [
    ...['--bind', '/', '/', '--dev-bind', '/dev', '/dev', '--unshare-pid', '--unshare-ipc'],
    ...['--proc', '/proc', '--die-with-parent'],
    ...hidden.flatMap((folder) => ['--tmpfs', folder, '--remount-ro', folder]),
  ]
}

function reportOf(mode: SandboxMode, otherUser: boolean, bwrap: boolean): string {
  if (mode === 'off')
    return 'Server programs run without a sandbox (sandbox: off): they can read the data folder and act as the gateway.'
  const hides = 'in a sandbox that hides the data folder, the control socket and other processes'
  if (otherUser && bwrap) return `Server programs run as the user nobody, ${hides}.`
  if (otherUser)
    return 'Server programs run as the user nobody, who cannot read the data folder or use the control socket.'
  if (bwrap) return `Server programs run ${hides}.`
  return 'Server programs are NOT kept apart: bubblewrap does not work here and the gateway does not run as root, so a server program can read the data folder and act as the gateway. Install bubblewrap, or add only programs that you trust.'
}

/** Whether bubblewrap can do here what it will have to do. */
async function findBwrap(user: Confinement['user']): Promise<string | null> {
  const probe = ['--bind', '/', '/', '--dev-bind', '/dev', '/dev', '--unshare-pid', '--unshare-ipc']
  const args = [
    ...probe,
    '--proc',
    '/proc',
    '--tmpfs',
    '/tmp',
    '--remount-ro',
    '/tmp',
    '--',
    'true',
  ]
  const child = spawn('bwrap', args, {
    stdio: 'ignore',
    timeout: PROBE_MS,
    env: { PATH: process.env.PATH ?? '' },
    ...(user ? { uid: user.uid, gid: user.gid } : {}),
  })
  return new Promise((resolve) => {
    child.once('error', () => resolve(null))
    child.once('exit', (code) => resolve(code === 0 ? 'bwrap' : null))
  })
}
