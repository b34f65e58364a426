// The CLI's mapper: an error → what, why and fix on stderr, or one JSON object on stdout, and the exit code.
import { CommanderError } from 'commander'
import { AppError, isAppError, messageOf } from '../kernel/app-error.ts'
import { errorCodes } from '../kernel/error-codes.ts'
import { printable } from '../kernel/printable.ts'
import type { Io } from './io.ts'
import { paint } from './text.ts'

export function reportFailure(io: Io, thrown: unknown, json: boolean): number {
  const error = asAppError(thrown)
  const { exit, meaning } = errorCodes[error.code]
  if (json) {
    const { code, message, remedy, data } = error
    const shown = { code, message, ...(remedy && { remedy }), ...(data && { data }) }
    io.stdout.write(printable(`${JSON.stringify({ error: shown })}\n`))
    return exit
  }
  const style = paint(io.stderr, io.env)
  io.stderr.write(`${style.red('Error:')} ${printable(error.message)}\n`)
  io.stderr.write(`${style.dim('Why:')}   ${meaning} (${error.code})\n`)
  if (error.remedy) io.stderr.write(`${style.green('Fix:')}   ${printable(error.remedy)}\n`)
  if (error.code === 'internal' && error.cause instanceof Error && io.env.DEBUG)
    io.stderr.write(`${printable(error.cause.stack ?? '')}\n`)
  return exit
}

function asAppError(thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown
  if (thrown instanceof CommanderError) {
    const message = thrown.message.replace(/^error: /, '').replace(/\n+/g, ' ')
    return new AppError('usage', message.charAt(0).toUpperCase() + message.slice(1), {
      remedy: 'Add --help to the command to see what it takes.',
      cause: thrown,
    })
  }
  return new AppError('internal', messageOf(thrown), {
    remedy: 'Run it again with DEBUG=1 for the details, and report them.',
    cause: thrown,
  })
}
