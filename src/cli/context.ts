// What every command is given: the settings, the admin API, and the two ways to speak.
import type { Command } from 'commander'
import { type Loaded, loadSettings } from '../config/load.ts'
import { printable } from '../kernel/printable.ts'
import type { Admin } from './connect-admin.ts'
import type { Io } from './io.ts'
import { type Paint, paint } from './text.ts'

export interface Context {
  io: Io
  json: boolean
  style: Paint
  /** Flags of this command, the environment and mooring.yaml. @throws AppError config_invalid */
  load(): Loaded
  /** The running gateway, or the store opened here. Closed when the command ends. */
  admin(): Promise<Admin>
  /** Data on stdout: JSON with --json, otherwise text. */
  print(data: unknown, text: string): void
  /** For people, on stderr; with --json nothing is said. */
  say(text: string): void
}

/** Options that work on every command, before or after its name. */
interface GlobalOptions {
  json?: true
  data?: string
  config?: string
  db?: string
}

interface ServeOptions {
  host?: string
  port?: string
  publicUrl?: string
}

/** Wraps the work of a command as commander wants it: its own options, then its arguments. */
export type Go = <O extends object = object>(
  work: (ctx: Context, options: O, ...args: string[]) => Promise<void>,
) => (...called: unknown[]) => Promise<void>

export const createGo =
  (io: Io): Go =>
  (work) =>
  async (...called) => {
    const command = called.at(-1) as Command
    const { ctx, close } = createContext(io, command.optsWithGlobals())
    try {
      // Variadic arguments arrive as a list; here they are simply the last ones.
      await work(ctx, command.opts(), ...(called.slice(0, -2).flat() as string[]))
    } finally {
      await close()
    }
  }

function createContext(io: Io, options: GlobalOptions & ServeOptions) {
  const json = options.json === true
  let admin: Promise<Admin> | null = null
  const load = () =>
    loadSettings({
      flags: {
        'data-dir': options.data,
        db: options.db,
        host: options.host,
        port: options.port,
        'public-url': options.publicUrl,
      },
      env: io.env,
      configFile: options.config,
      home: io.home,
      cwd: io.cwd,
    })
  const ctx: Context = {
    io,
    json,
    style: paint(io.stderr, io.env),
    load,
    admin: async () => {
      const { connectAdmin } = await import('./connect-admin.ts')
      admin ??= connectAdmin(load())
      return admin
    },
    print: (data, text) =>
      void io.stdout.write(printable(json ? `${JSON.stringify(data)}\n` : text)),
    say: (text) => {
      if (!json) io.stderr.write(`${text}\n`)
    },
  }
  const close = async () => {
    // A failure to connect has been reported by whoever asked for it.
    const opened = await admin?.catch(() => null)
    await opened?.close()
  }
  return { ctx, close }
}
