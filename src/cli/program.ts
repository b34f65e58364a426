// The command line as commander sees it: options of every command, and one stub per command that is not asked for.
import { Command } from 'commander'
import { didYouMean } from '../config/nearest.ts'
import { GATEWAY_INFO } from '../gateway/hello.ts'
import { AppError } from '../kernel/app-error.ts'
import { commands } from './commands.ts'
import type { Go } from './context.ts'
import type { Io } from './io.ts'

/** Options that take a value, so that the word after them is not the command. */
const WITH_VALUE = new Set(['--data', '--config', '--db'])

/** `only`: the commands to load in full. @throws AppError usage for a command that there is not */
export async function createProgram(
  io: Pick<Io, 'stdout'>,
  go: Go,
  only: ReadonlySet<string>,
): Promise<Command> {
  const program = new Command('mooring')
    .description('One URL between Claude and your tools: signed in, under policy, on the record.')
    .version(GATEWAY_INFO.version, '--version', 'Print the version.')
    .helpOption('-h, --help', 'Show help.')
    .option('--data <dir>', 'data folder (default: ~/.mooring)')
    .option('--config <file>', 'configuration file (default: mooring.yaml in the data folder)')
    .option('--db <url>', 'Postgres URL, instead of SQLite in the data folder')
    .option('--json', 'one JSON object on stdout instead of text')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // Errors come back as exceptions and are reported once, by failure.ts.
      writeErr: () => {},
    })
    .showSuggestionAfterError(true)
  for (const [name, { about, load }] of Object.entries(commands)) {
    const command = program.command(name).description(about)
    if (only.has(name)) (await load()).register(command, go)
  }
  return program
}

/** The command that is asked for: its first word, or the one after `help`. */
export function commandIn(argv: readonly string[]): string | null {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') return null
    if (WITH_VALUE.has(word)) i++
    else if (!word.startsWith('-') && word !== 'help') return word
  }
  return null
}

export function unknownCommand(name: string): AppError {
  return new AppError(
    'usage',
    `There is no command ${name}.${didYouMean(name, Object.keys(commands))}`,
    {
      remedy: '"mooring --help" lists the commands.',
    },
  )
}

/** `mooring users` alone: which word could come next. */
export function incomplete(program: Command, name: string | null): AppError {
  const group = program.commands.find((command) => command.name() === name) ?? program
  const next = group.commands.map((command) => command.name()).join(', ')
  const typed = group === program ? 'mooring' : `mooring ${name}`
  return new AppError('usage', `"${typed}" needs a command: ${next}.`, {
    remedy: `"${typed} --help" says what each does.`,
  })
}
