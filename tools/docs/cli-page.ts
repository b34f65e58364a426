// docs/cli.md: every command with its options, as commander knows them.
import { PassThrough } from 'node:stream'
import type { Command } from 'commander'
import { commands } from '../../src/cli/commands.ts'
import { createProgram } from '../../src/cli/program.ts'
import { code, GENERATED, table } from './markdown.ts'

export async function cliPage(): Promise<string> {
  const go = () => async () => {}
  const program = await createProgram(
    { stdout: new PassThrough() },
    go,
    new Set(Object.keys(commands)),
  )
  return `# Command line

${GENERATED}
Data goes to standard output and text for people to standard error, so that output can be piped. With \`--json\` a command
prints exactly one JSON object on standard output, an error included. Colours appear only on a terminal, and not when
\`NO_COLOR\` is set. The exit codes stand in [errors.md](errors.md).

A command that changes something goes through the running gateway (the control socket in its data folder); when none runs,
it opens the data itself. Both are recorded in the audit log.

## Options of every command
${optionTable(program)}
${program.commands.map((command) => section(command)).join('\n')}`
}

function section(command: Command): string {
  const nested = command.commands.map((child) => leaf(child)).join('\n')
  const about = `## mooring ${command.name()}\n\n${command.description()}\n`
  return command.commands.length > 0
    ? `${about}\n${nested}`
    : `${about}\n${usage(command)}${optionTable(command)}`
}

const leaf = (command: Command): string =>
  `### mooring ${command.parent?.name()} ${command.name()}\n\n${command.description()}\n\n${usage(command)}${optionTable(command)}`

function usage(command: Command): string {
  const names = [command.parent?.parent ? command.parent.name() : null, command.name()]
  const positional = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? `<${name}>` : `[${name}]`
  })
  const options = command.options.length > 0 ? ['[options]'] : []
  const words = ['mooring', ...names.filter((name) => name !== null), ...options, ...positional]
  return `\`\`\`sh\n${words.join(' ')}\n\`\`\`\n`
}

function optionTable(command: Command): string {
  const rows = [
    ...command.registeredArguments.map((argument) => [code(argument.name()), argument.description]),
    ...command.options
      .filter((option) => !option.hidden)
      .map((option) => [code(option.flags), describe(option)]),
  ]
  return rows.length === 0 ? '' : `\n${table(['Argument or option', ''], rows)}`
}

function describe(option: Command['options'][number]): string {
  const sentence = option.description.charAt(0).toUpperCase() + option.description.slice(1)
  const choices = option.argChoices ? ` One of ${option.argChoices.map(code).join(', ')}.` : ''
  const standard =
    typeof option.defaultValue === 'string' ? ` Default: ${code(option.defaultValue)}.` : ''
  const needed = option.mandatory ? ' Required.' : ''
  return `${sentence.replace(/\.$/, '')}.${choices}${standard}${needed}`
}
