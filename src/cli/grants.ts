// mooring grants list | revoke
import type { Command } from 'commander'
import type { Go } from './context.ts'
import { table, when } from './text.ts'

interface Grant {
  id: string
  user: { login: string }
  client: { id: string; name: string; host: string | null }
  resource: string
  scopes: string[]
  createdAt: string
  expiresAt: string | null
  lastUsedAt: string | null
  calls: number
  revokedAt: string | null
}

export function register(grants: Command, go: Go): void {
  grants
    .command('list')
    .description('List connected clients: which program may act for whom.')
    .option('--user <login>', 'only those of one account')
    .option('--client <id>', 'only those of one program')
    .option('--all', 'also those that were revoked')
    .action(
      go<{ user?: string; client?: string; all?: true }>(async (ctx, { user, client, all }) => {
        const admin = await ctx.admin()
        const filter = new URLSearchParams({
          revoked: String(all === true),
          ...(client !== undefined && { clientId: client }),
        })
        const answer = await admin.call<{ grants: Grant[] }>('GET', `/grants?${filter.toString()}`)
        const found = answer.grants.filter(
          (grant) => user === undefined || grant.user.login === user,
        )
        const rows = found.map((grant) => [
          grant.id,
          grant.user.login,
          grant.revokedAt ? 'revoked' : 'active',
          when(grant.lastUsedAt),
          grant.calls,
          grant.client.host ? `${grant.client.name} (${grant.client.host})` : grant.client.name,
        ])
        const header = ['ID', 'USER', 'STATE', 'LAST USED', 'CALLS', 'CLIENT']
        ctx.print({ grants: found }, table(header, rows, ctx.io.stdout.columns))
      }),
    )

  grants
    .command('revoke')
    .description('End one connected client. Its next request is refused.')
    .argument('<id>', 'id from "mooring grants list"')
    .option('--reason <text>', 'kept in the audit log')
    .action(
      go<{ reason?: string }>(async (ctx, { reason }, id) => {
        const admin = await ctx.admin()
        const path = `/grants/${encodeURIComponent(id!)}/revoke`
        const done = await admin.call<{ id: string }>('POST', path, { reason })
        ctx.print(done, `${done.id}\n`)
        ctx.say('Revoked: its next request is refused.')
      }),
    )
}
