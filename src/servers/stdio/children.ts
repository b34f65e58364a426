// Child processes of server programs: each one in a process group of its own, so that whatever it starts ends with it.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../../kernel/time.ts'
import { createTail, type Tail } from './tail.ts'

export interface ChildSpec {
  command: string
  args: readonly string[]
  env: Record<string, string>
  cwd: string
  /** What its standard error must not show. */
  secrets: readonly string[]
  user: { uid: number; gid: number } | undefined
  /** Ends what the program has left behind outside its group. */
  sweep?: () => Promise<unknown>
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
  /** Set when the program could not be started at all. */
  error: NodeJS.ErrnoException | null
}

export interface Child {
  readonly pid: number
  readonly stdout: Readable
  readonly stderr: Tail
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<Exit>
  /** Resolves when the bytes are with the system; rejects when the pipe is gone, or full of what nobody reads. */
  write(text: string): Promise<void>
  /** End of input, then SIGTERM, then SIGKILL, each to the whole group. Resolves when it is gone. */
  stop(): Promise<void>
}

export interface Children {
  start(spec: ChildSpec): Child
  readonly running: number
  /** Kills every group now. For the end of the process. */
  killAll(): void
  close(): void
}

const PATIENCE_MS = 2000
/** More than this is not kept for a program that does not read. */
const UNREAD_LIMIT = 32 * 1024 * 1024

export function createChildren(clock: Clock): Children {
  const groups = new Set<number>()
  const killAll = () => {
    for (const pid of groups) signalGroup(pid, 'SIGKILL')
  }
  process.on('exit', killAll)
  return {
    start: (spec) => start(clock, groups, spec),
    get running() {
      return groups.size
    },
    killAll,
    close: () => {
      killAll()
      process.off('exit', killAll)
    },
  }
}

function start(clock: Clock, groups: Set<number>, spec: ChildSpec): Child {
  const program: ChildProcessByStdio<Writable, Readable, Readable> = spawn(
    spec.command,
    [...spec.args],
    {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      shell: false,
      detached: true,
      windowsHide: true,
      ...(spec.user ? { uid: spec.user.uid, gid: spec.user.gid } : {}),
    },
  )
  const pid = program.pid ?? 0
  if (pid > 0) groups.add(pid)
  const stderr = createTail(undefined, spec.secrets)
  program.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  for (const stream of [program.stdin, program.stdout, program.stderr])
    stream.on('error', () => undefined) // A broken pipe shows as the end of the program.

  let swept: Promise<unknown> | undefined
  const exited = new Promise<Exit>((resolve) => {
    const gone = (exit: Exit) => {
      // Whatever the program left behind in its group goes too, and then what had left the group.
      if (pid > 0) {
        signalGroup(pid, 'SIGKILL')
        swept = spec.sweep?.()
      }
      groups.delete(pid)
      resolve(exit)
    }
    program.once('error', (error) => gone({ code: null, signal: null, error }))
    program.once('exit', (code, signal) => gone({ code, signal, error: null }))
  })

  const within = (ms: number) =>
    new Promise<boolean>((resolve) => {
      const timer = clock.after(ms, () => resolve(false))
      void exited.then(() => {
        timer.cancel()
        resolve(true)
      })
    })

  return {
    pid,
    stdout: program.stdout,
    stderr,
    exited,
    write: (text) =>
      new Promise((resolve, reject) => {
        if (program.stdin.writableLength > UNREAD_LIMIT) {
          signalGroup(pid, 'SIGKILL')
          reject(new Error(`It has left ${UNREAD_LIMIT} bytes unread.`))
          return
        }
        program.stdin.write(text, (error) => (error ? reject(error) : resolve()))
      }),
    stop: async () => {
      program.stdin.end()
      if (!(await within(PATIENCE_MS))) signalGroup(pid, 'SIGTERM')
      if (!(await within(PATIENCE_MS))) signalGroup(pid, 'SIGKILL')
      await exited
      await swept
    },
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // ESRCH: the group is gone already, which is what was wanted. EPERM: only zombies of it are left (macOS).
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
