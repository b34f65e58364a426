// The environment of a server program: a handful of harmless names of ours, and what the admin wrote down. Nothing
// else is inherited, so no secret of the gateway is.
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { AppError } from '../../kernel/app-error.ts'
import type { ServerSecret, ServerSpec } from '../server.ts'

const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'USER', 'LOGNAME'] as const
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'

export function environmentOf(
  spec: ServerSpec & { kind: 'stdio' },
  secret: ServerSecret,
  ours: NodeJS.ProcessEnv,
  instead: Record<string, string> = {},
): Record<string, string> {
  const env: Record<string, string> = { PATH: DEFAULT_PATH }
  for (const name of INHERITED) {
    const value = ours[name]
    if (value !== undefined) env[name] = value
  }
  Object.assign(env, instead, spec.env)
  for (const [name, value] of Object.entries(secret.env ?? {})) env[name] = value.reveal()
  return env
}

/**
 * The program's full path, looked up in the PATH that it will have.
 * @throws AppError server_start when there is no such program
 */
export function findCommand(command: string, path: string, cwd: string): string {
  if (command.includes('/')) {
    const full = isAbsolute(command) ? command : join(cwd, command)
    if (isProgram(full)) return full
    throw notFound(command, `There is no program at ${full}, or it may not be run.`)
  }
  for (const folder of path.split(delimiter)) {
    if (folder !== '' && isProgram(join(folder, command))) return join(folder, command)
  }
  throw notFound(command, `The program ${command} is in none of the folders of the gateway's PATH.`)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false // Not there, or not ours to see: the same for whoever wants to run it.
  }
}

const notFound = (command: string, message: string) =>
  new AppError('server_start', message, {
    remedy: `Give the full path of the program (\`command -v ${command.replace(/[^\w./+-]/g, '')}\` prints it), or start the gateway with a PATH that has it.`,
  })
