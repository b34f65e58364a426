// mooring audit verify
import type { Command } from 'commander'
import type { LogCheck } from '../admin/verbs.ts'
import { AppError } from '../kernel/app-error.ts'
import type { Go } from './context.ts'
import { table } from './text.ts'

export function register(audit: Command, go: Go): void {
  audit
    .command('verify')
    .description(
      'Check every seal of the logs: rows that were changed, added or taken away show up.',
    )
    .action(
      go(async (ctx) => {
        const admin = await ctx.admin()
        const check = await admin.call<LogCheck>('POST', '/audit/verify')
        if (!check.ok) {
          const problems = check.streams.flatMap((one) =>
            one.problems.map((problem) => `${one.stream}: ${problem}`),
          )
          throw new AppError('check_failed', problems.join('\n'), {
            remedy: 'Keep a copy of the data as it is, and compare with the last backup or export.',
            data: { ...check },
          })
        }
        const rows = check.streams.map(({ stream, sealed, unsealed }) => [
          stream,
          'good',
          sealed,
          unsealed,
        ])
        ctx.print(check, table(['LOG', 'STATE', 'SEALED ROWS', 'NOT YET SEALED'], rows))
        ctx.say('Nothing was changed, added or taken away.')
      }),
    )
}
