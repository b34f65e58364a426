// A password from a file, from standard input, or typed in twice. Never from an argument: those are seen in process lists.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { AppError, messageOf } from '../kernel/app-error.ts'
import type { Context } from './context.ts'

/** null when nothing was given and nobody can be asked. */
export async function askPassword(ctx: Context, file: string | undefined): Promise<string | null> {
  if (file === '-') return withoutNewline(await text(ctx.io.stdin))
  if (file !== undefined) return withoutNewline(readSecretFile(ctx, file))
  if (!ctx.io.stdin.isTTY || !ctx.io.stderr.isTTY || ctx.json) return null
  const prompts = await import('@clack/prompts')
  // Questions are for people: stdout stays free for data.
  const output = ctx.io.stderr as Writable
  const first = await prompts.password({ message: 'Password (12 characters or more)', output })
  const second = prompts.isCancel(first)
    ? first
    : await prompts.password({ message: 'The same again', output })
  if (prompts.isCancel(first) || prompts.isCancel(second))
    throw new AppError('usage', 'Cancelled; nothing was changed.')
  if (first !== second)
    throw new AppError('invalid_input', 'The two passwords differ; nothing was changed.', {
      remedy: 'Run the command again.',
    })
  return first
}

/** @throws AppError usage when it cannot be read */
export function readSecretFile(ctx: Context, file: string): string {
  try {
    return readFileSync(resolve(ctx.io.cwd, file), 'utf8')
  } catch (error) {
    throw new AppError('usage', `${file} cannot be read: ${messageOf(error)}`, {
      remedy: 'Name a file that exists and that this account may read.',
      cause: error,
    })
  }
}

export const withoutNewline = (text: string) => text.replace(/\r?\n$/, '')
