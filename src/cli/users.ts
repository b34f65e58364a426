// mooring users create | list | disable | enable | recover
import { type Command, Option } from 'commander'
import type { Status } from '../admin/verbs.ts'
import { AppError } from '../kernel/app-error.ts'
import { askPassword } from './ask-password.ts'
import type { Context, Go } from './context.ts'
import { plain, table, when } from './text.ts'

interface User {
  id: string
  login: string
  name: string
  role: string
  createdAt: string
  lastSignInAt: string | null
  disabledAt: string | null
}

const PASSWORD_FILE = '--password-file <file>'
const PASSWORD_HELP = 'read the password from the first line of a file; - is standard input'

export function register(users: Command, go: Go): void {
  users
    .command('create')
    .description('Make an account.')
    .requiredOption('--login <name>', 'name to sign in with')
    .addOption(
      new Option('--role <role>', 'what the account may do in Mooring itself')
        .choices(['admin', 'auditor', 'member'])
        .makeOptionMandatory(),
    )
    .option('--name <text>', 'name that people read')
    .option(PASSWORD_FILE, PASSWORD_HELP)
    .action(
      go<{ login: string; role: string; name?: string; passwordFile?: string }>(
        async (ctx, { login, role, name, passwordFile }) => {
          const password = await askPassword(ctx, passwordFile)
          const admin = await ctx.admin()
          const { user } = await admin.call<{ user: User }>('POST', '/users', {
            login,
            role,
            name,
            password: password ?? undefined,
          })
          ctx.print(user, `${plain(user.login)}\n`)
          ctx.say(
            password === null
              ? `Made without a password: API keys work, signing in does not. "mooring users recover ${plain(login)}" sets one.`
              : `${plain(user.login)} can sign in now, as ${role}.`,
          )
        },
      ),
    )

  users
    .command('list')
    .description('List all accounts.')
    .action(
      go(async (ctx) => {
        const admin = await ctx.admin()
        const found = await admin.call<{ users: User[] }>('GET', '/users')
        const rows = found.users.map((user) => [
          user.login,
          user.role,
          user.disabledAt ? 'disabled' : 'active',
          when(user.lastSignInAt),
          user.name,
        ])
        ctx.print(found, table(['LOGIN', 'ROLE', 'STATE', 'LAST SIGN-IN', 'NAME'], rows))
      }),
    )

  for (const verb of ['disable', 'enable'] as const) {
    users
      .command(verb)
      .description(
        verb === 'disable'
          ? 'Stop an account: it is signed out, its clients and keys are refused.'
          : 'Let a disabled account in again, with its clients and keys.',
      )
      .argument('<login>', 'login name')
      .action(
        go(async (ctx, _options, login) => {
          const admin = await ctx.admin()
          const path = `/users/${encodeURIComponent(login!)}/${verb}`
          const { user } = await admin.call<{ user: User }>('POST', path)
          ctx.print(user, `${plain(user.login)}\n`)
          ctx.say(`${plain(user.login)} is ${verb}d.`)
        }),
      )
  }

  users
    .command('recover')
    .description(
      'Get in again: a new password for an account, or a setup link while there is no admin.',
    )
    .argument('[login]', 'login name; without it, a new setup link')
    .option(PASSWORD_FILE, PASSWORD_HELP)
    .action(
      go<{ passwordFile?: string }>((ctx, { passwordFile }, login) =>
        login === undefined ? setupLink(ctx) : newPassword(ctx, login, passwordFile),
      ),
    )
}

async function setupLink(ctx: Context): Promise<void> {
  const admin = await ctx.admin()
  const link = await admin.call<{ url: string; expiresAt: string }>('POST', '/users/setup-link')
  ctx.print(link, `${link.url}\n`)
  const { serving } = await admin.call<Status>('GET', '/status')
  ctx.say(`It works once, until ${when(link.expiresAt)}.`)
  if (!serving) ctx.say('No gateway is running: start it with "mooring serve", then open the link.')
}

async function newPassword(ctx: Context, login: string, file: string | undefined): Promise<void> {
  const password = await askPassword(ctx, file)
  if (password === null)
    throw new AppError('usage', 'There is no terminal to ask for the password.', {
      remedy: 'Give it with --password-file FILE, or --password-file - for standard input.',
    })
  const admin = await ctx.admin()
  const path = `/users/${encodeURIComponent(login)}/password`
  const changed = await admin.call<{ login: string }>('PUT', path, { password })
  ctx.print(changed, `${plain(changed.login)}\n`)
  ctx.say('The new password works now; browsers that were signed in have been signed out.')
}
