// mooring keys create | list | revoke
import type { Command } from 'commander'
import { parseDuration } from '../config/units.ts'
import { AppError } from '../kernel/app-error.ts'
import type { Context, Go } from './context.ts'
import { collect } from './option-values.ts'
import { plain, table, when } from './text.ts'

interface Key {
  id: string
  prefix: string
  name: string
  user: { login: string }
  scopes: string[]
  resource: string | null
  expiresAt: string | null
  lastUsedAt: string | null
  revokedAt: string | null
}

export function register(keys: Command, go: Go): void {
  keys
    .command('create')
    .description('Make an API key. It is shown once.')
    .requiredOption('--user <login>', 'account that the key acts for')
    .requiredOption('--name <label>', 'what the key is for')
    .option(
      '--expires <duration>',
      'how long it is good, such as 1h or 90d, or never (default: 1h)',
    )
    .option('--scope <scope>', 'limit it to a scope; may be given again (default: mcp)', collect)
    .option('--resource <path>', 'limit it to one endpoint, such as /s/notes/mcp')
    .action(
      go<{ user: string; name: string; expires?: string; scope?: string[]; resource?: string }>(
        async (ctx, { user, name, expires, scope, resource }) => {
          const ttlMs = expires === undefined ? undefined : lifetime(expires)
          const admin = await ctx.admin()
          const made = await admin.call<{ id: string; key: string; expiresAt: string | null }>(
            'POST',
            '/keys',
            { userLogin: user, name, ttlMs, scopes: scope, resource },
          )
          ctx.print(made, `${made.key}\n`)
          const until = made.expiresAt
            ? `It is good until ${when(made.expiresAt)}.`
            : 'It does not expire.'
          ctx.say(`Key ${made.id} for ${plain(user)}. ${until} It is not shown again.`)
        },
      ),
    )

  keys
    .command('list')
    .description('List API keys, also those that are expired or revoked.')
    .option('--user <login>', 'only those of one account')
    .action(
      go<{ user?: string }>(async (ctx, { user }) => {
        const admin = await ctx.admin()
        const all = await admin.call<{ keys: Key[] }>('GET', '/keys')
        const found = all.keys.filter((key) => user === undefined || key.user.login === user)
        const rows = found.map((key) => [
          key.id,
          `${key.prefix}…`,
          key.user.login,
          key.revokedAt ? 'revoked' : `until ${when(key.expiresAt)}`,
          when(key.lastUsedAt),
          key.scopes.join(' '),
          key.name,
        ])
        const header = ['ID', 'KEY', 'USER', 'STATE', 'LAST USED', 'SCOPES', 'NAME']
        ctx.print({ keys: found }, table(header, rows, width(ctx)))
      }),
    )

  keys
    .command('revoke')
    .description('End an API key. The next request with it is refused.')
    .argument('<id>', 'id from "mooring keys list"')
    .action(
      go(async (ctx, _options, id) => {
        const admin = await ctx.admin()
        const done = await admin.call<{ id: string }>(
          'POST',
          `/keys/${encodeURIComponent(id!)}/revoke`,
        )
        ctx.print(done, `${done.id}\n`)
        ctx.say('Revoked: the next request with it is refused.')
      }),
    )
}

/** Milliseconds; null is for ever. */
function lifetime(text: string): number | null {
  if (text === 'never') return null
  const seconds = parseDuration(text)
  if (seconds !== null && seconds > 0) return seconds * 1000
  throw new AppError('usage', `--expires ${text} is no duration.`, {
    remedy: 'Write it like 30m, 12h or 90d, or never.',
  })
}

const width = (ctx: Context) => ctx.io.stdout.columns ?? 160
