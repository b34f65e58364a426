// mooring clients list | show | add | trust | revoke
import type { Command } from 'commander'
import type { Go } from './context.ts'
import { collect } from './option-values.ts'
import { plain, table, when } from './text.ts'

interface Client {
  id: string
  kind: 'dcr' | 'cimd' | 'static'
  name: string
  trusted: boolean
  redirectUris: string[]
  createdAt: string
  lastUsedAt: string | null
  revokedAt: string | null
}

const KIND = { dcr: 'registered itself', cimd: 'metadata document', static: 'added by hand' }

export function register(clients: Command, go: Go): void {
  clients
    .command('list')
    .description('List the programs that have registered or were added.')
    .action(
      go(async (ctx) => {
        const admin = await ctx.admin()
        const found = await admin.call<{ clients: Client[] }>('GET', '/clients')
        const rows = found.clients.map((client) => [
          client.id,
          KIND[client.kind],
          state(client),
          when(client.lastUsedAt),
          client.name,
        ])
        const header = ['ID', 'KIND', 'STATE', 'LAST USED', 'CALLS ITSELF']
        ctx.print(found, table(header, rows, ctx.io.stdout.columns))
      }),
    )

  clients
    .command('show')
    .description('Show one program.')
    .argument('<id>', 'id from "mooring clients list"')
    .action(
      go(async (ctx, _options, id) => {
        const admin = await ctx.admin()
        const path = `/clients/one?id=${encodeURIComponent(id!)}`
        const { client } = await admin.call<{ client: Client }>('GET', path)
        const rows = [
          ['id', client.id],
          ['calls itself', client.name],
          ['kind', KIND[client.kind]],
          ['state', state(client)],
          ['redirects to', client.redirectUris.join(' ')],
          ['since', when(client.createdAt)],
          ['last used', when(client.lastUsedAt)],
        ]
        ctx.print(client, table(['CLIENT', ''], rows, ctx.io.stdout.columns))
      }),
    )

  clients
    .command('add')
    .description('Add a program by hand and get its id and secret. The secret is shown once.')
    .argument('<name>', 'name that people see when they connect it')
    .requiredOption(
      '--redirect-uri <uri>',
      'where sign-in ends, or claude for both addresses of hosted Claude; may be given again',
      collect,
    )
    .option('--scope <scope>', 'limit it to a scope; may be given again', collect)
    .action(
      go<{ redirectUri: string[]; scope?: string[] }>(async (ctx, options, name) => {
        const admin = await ctx.admin()
        const made = await admin.call<{ id: string; secret: string | null }>('POST', '/clients', {
          name,
          redirectUris: options.redirectUri,
          scopes: options.scope,
        })
        ctx.print(
          made,
          `client id:     ${made.id}\n${made.secret ? `client secret: ${made.secret}\n` : ''}`,
        )
        if (made.secret) ctx.say('The secret is not shown again.')
      }),
    )

  clients
    .command('trust')
    .description(
      'Mark a program as known: people are not asked again for what they may use anyway.',
    )
    .argument('<id>', 'id from "mooring clients list"')
    .action(
      go(async (ctx, _options, id) => {
        const admin = await ctx.admin()
        const done = await admin.call<{ id: string }>('POST', '/clients/trust', { id })
        ctx.print(done, `${plain(done.id)}\n`)
        ctx.say('Trusted.')
      }),
    )

  clients
    .command('revoke')
    .description('End a program and everything it was granted.')
    .argument('<id>', 'id from "mooring clients list"')
    .action(
      go(async (ctx, _options, id) => {
        const admin = await ctx.admin()
        const done = await admin.call<{ id: string }>('POST', '/clients/revoke', { id })
        ctx.print(done, `${plain(done.id)}\n`)
        ctx.say('Revoked, with all its grants: its next request is refused.')
      }),
    )
}

const state = (client: Client) =>
  client.revokedAt ? 'revoked' : client.trusted ? 'trusted' : 'asks for consent'
