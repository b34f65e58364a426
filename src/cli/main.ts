// The door of the command line: finds the command, runs it, turns its end into an exit code.
import { type Command, CommanderError } from 'commander'
import { commands } from './commands.ts'
import { createGo } from './context.ts'
import { reportFailure } from './failure.ts'
import { type Io, ioOf } from './io.ts'
import { commandIn, createProgram, incomplete, unknownCommand } from './program.ts'

export async function main(process: NodeJS.Process): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), ioOf(process))
}

/** Runs one command line. Never throws: the outcome is the exit code. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const end = argv.indexOf('--')
  const json = argv.slice(0, end < 0 ? undefined : end).includes('--json')
  try {
    const name = commandIn(argv)
    if (name !== null && !(name in commands)) throw unknownCommand(name)
    const program = await createProgram(io, createGo(io), new Set(name === null ? [] : [name]))
    if (argv.length === 0) {
      program.outputHelp()
      return 0
    }
    await parse(program, argv)
    return 0
  } catch (error) {
    // --help and --version end this way too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    return reportFailure(io, error, json)
  }
}

async function parse(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.code === 'commander.help' && error.exitCode !== 0)
      throw incomplete(program, commandIn(argv))
    throw error
  }
}
