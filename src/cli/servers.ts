// mooring servers add | list | test | set | remove
import { type Command, Option } from 'commander'
import type { FoundTool, TestedServer } from '../admin/verbs.ts'
import { AppError, isAppError } from '../kernel/app-error.ts'
import { commandWarnings } from '../servers/command-warnings.ts'
import type { ServerSpec } from '../servers/server.ts'
import type { Permit } from '../store/tables/state.ts'
import type { Context, Go } from './context.ts'
import { collect, commaList, secretPairs } from './option-values.ts'
import { clip, plain, table } from './text.ts'

interface ShownServer {
  name: string
  spec: ServerSpec
  permit: Permit
  logins: string[] | null
  owner: string
  status: string | null
  warnings: readonly string[]
}

interface AddOptions {
  url?: string
  sse?: true
  stdio?: true
  header?: string[]
  env?: string[]
  permit: Permit
  people?: string[]
  test: boolean
}

const permitOption = () =>
  new Option('--permit <what>', 'tools that run without asking').choices([
    'none',
    'read-only',
    'all',
  ])

export function register(servers: Command, go: Go): void {
  servers
    .command('add')
    .description('Put a server behind the gateway: an address, or a program after --stdio --.')
    .argument('<name>', 'short name; its tools are called name__tool')
    .argument('[command...]', 'with --stdio: the program and its arguments, after --')
    .option('--url <url>', 'address of a remote MCP server')
    .option('--sse', 'the address speaks the old HTTP+SSE transport')
    .option(
      '--header <name: value>',
      'header to send; value @file or env:NAME is read there',
      collect,
    )
    .option('--stdio', 'the server is a program that talks over standard input and output')
    .option(
      '--env <name=value>',
      'variable for the program; value @file or env:NAME is read there',
      collect,
    )
    .addOption(permitOption().default('none'))
    .option('--people <logins>', 'only these accounts may use it, comma separated', commaList)
    .option('--no-test', 'add it without connecting first')
    .action(
      go<AddOptions>(async (ctx, options, name, ...command) => {
        const { spec, secret } = whatToAdd(ctx, options, command)
        if (spec.kind === 'stdio') ctx.say(`Runs: ${argv(spec)}`)
        const admin = await ctx.admin()
        if (!options.test) warn(ctx, commandWarnings(spec))
        const tested = options.test
          ? await admin
              .call<TestedServer>('POST', '/servers/test', { name, spec, secret })
              .catch(nothingAdded)
          : null
        if (tested) warn(ctx, tested.warnings)
        const { server } = await admin.call<{ server: ShownServer }>('POST', '/servers', {
          name,
          spec,
          secret,
          permit: options.permit,
          people: options.people ?? null,
        })
        const found = tested && {
          hello: tested.hello,
          tools: withEffect(tested, options.permit),
          warnings: tested.warnings,
        }
        ctx.print({ server, ...found }, tested ? toolTable(ctx, tested, options.permit) : '')
        if (tested) ctx.say(`\n${summary(tested, options.permit)}`)
        ctx.say(`Added ${plain(server.name)}. Its own endpoint is /s/${plain(server.name)}/mcp.`)
      }),
    )

  servers
    .command('list')
    .description('List the servers.')
    .action(
      go(async (ctx) => {
        const admin = await ctx.admin()
        const found = await admin.call<{ servers: ShownServer[] }>('GET', '/servers')
        const rows = found.servers.map((server) => [
          server.name,
          server.spec.kind,
          server.permit,
          server.logins?.join(', ') ?? 'everyone',
          server.status,
          place(server.spec),
        ])
        const header = ['NAME', 'KIND', 'RUNS UNASKED', 'PEOPLE', 'STATE', 'WHERE']
        ctx.print(found, table(header, rows, ctx.io.stdout.columns))
        for (const { name, warnings } of found.servers)
          warn(
            ctx,
            warnings.map((warning) => `${name}: ${warning}`),
          )
      }),
    )

  servers
    .command('test')
    .description('Connect to a server and show the tools it has.')
    .argument('<name>', 'name from "mooring servers list"')
    .action(
      go(async (ctx, _options, name) => {
        const admin = await ctx.admin()
        const { servers: all } = await admin.call<{ servers: ShownServer[] }>('GET', '/servers')
        const permit = all.find((server) => server.name === name)?.permit ?? 'none'
        const path = `/servers/${encodeURIComponent(name!)}/test`
        const tested = await admin.call<TestedServer>('POST', path)
        const { hello, warnings } = tested
        const shown = { hello, tools: withEffect(tested, permit), warnings }
        ctx.print(shown, toolTable(ctx, tested, permit))
        warn(ctx, warnings)
        ctx.say(`\n${summary(tested, permit)}`)
      }),
    )

  servers
    .command('set')
    .description('Change who may use a server and which of its tools run without asking.')
    .argument('<name>', 'name from "mooring servers list"')
    .addOption(permitOption())
    .option('--people <logins>', 'only these accounts, comma separated; "everyone" lifts the limit')
    .action(
      go<{ permit?: Permit; people?: string }>(async (ctx, { permit, people }, name) => {
        if (permit === undefined && people === undefined)
          throw new AppError('usage', 'Nothing to change was given.', {
            remedy: 'Add --permit none|read-only|all, or --people LOGINS.',
          })
        const admin = await ctx.admin()
        const path = `/servers/${encodeURIComponent(name!)}`
        const { server } = await admin.call<{ server: ShownServer }>('PATCH', path, {
          permit,
          people: people === 'everyone' ? null : people && commaList(people),
        })
        ctx.print(server, `${plain(server.name)}\n`)
        ctx.say('Changed; it holds from the next call on.')
      }),
    )

  servers
    .command('remove')
    .description('Take a server away. Its tools disappear from every client.')
    .argument('<name>', 'name from "mooring servers list"')
    .action(
      go(async (ctx, _options, name) => {
        const admin = await ctx.admin()
        const path = `/servers/${encodeURIComponent(name!)}`
        ctx.print(await admin.call('DELETE', path), `${plain(name!)}\n`)
        ctx.say(`Removed ${plain(name!)}.`)
      }),
    )
}

/** @throws AppError usage unless exactly one of address and program is given */
function whatToAdd(ctx: Context, options: AddOptions, command: readonly string[]) {
  const wrong = (message: string) =>
    new AppError('usage', message, {
      remedy:
        'Write "mooring servers add NAME --url URL" or "mooring servers add NAME --stdio -- PROGRAM ARGUMENTS".',
    })
  const [program, ...args] = command
  if (options.stdio) {
    if (options.url || options.sse || options.header)
      throw wrong('--stdio is a program; --url, --sse and --header are for addresses.')
    if (program === undefined) throw wrong('The program is missing after --stdio.')
    const env = secretPairs(ctx, '--env', '=', options.env ?? [])
    // Relative paths mean what they mean where the command was typed, not where the gateway runs.
    const spec: ServerSpec = { kind: 'stdio', command: program, args, cwd: ctx.io.cwd }
    return { spec, secret: options.env && { env } }
  }
  if (options.url === undefined) throw wrong('Neither --url nor --stdio was given.')
  if (!/^https?:/i.test(options.url) || !URL.canParse(options.url))
    throw wrong(`--url takes an address such as https://host/mcp; "${plain(options.url)}" is none.`)
  if (program !== undefined) throw wrong(`With --url, "${program}" has no meaning.`)
  if (options.env) throw wrong('--env is for programs (--stdio); an address takes --header.')
  const headers = secretPairs(ctx, '--header', ':', options.header ?? [])
  const spec: ServerSpec = { kind: options.sse ? 'sse' : 'http', url: options.url }
  return { spec, secret: options.header && { headers } }
}

/** The words of the command, each as the program gets it. */
const argv = (spec: ServerSpec & { kind: 'stdio' }) =>
  [spec.command, ...spec.args]
    .map((word) => (/^[\w./:@=+,-]+$/.test(word) ? word : JSON.stringify(plain(word))))
    .join(' ')

const warn = (ctx: Context, warnings: readonly string[]) => {
  for (const warning of warnings) ctx.say(`${ctx.style.yellow('Warning:')} ${plain(warning)}`)
}

/** A server that does not answer is not added, which should be said. */
function nothingAdded(error: unknown): never {
  if (!isAppError(error) || !error.code.startsWith('server_')) throw error
  const { code, message, remedy = '', data } = error
  throw new AppError(code, message, {
    remedy: `${remedy} Nothing was added; --no-test adds it all the same.`.trim(),
    ...(data && { data }),
    cause: error,
  })
}

const KIND: Record<FoundTool['level'], string> = {
  read: 'read-only',
  write: 'writes',
  admin: 'destructive',
}

const runs = (tool: FoundTool, permit: Permit) =>
  permit === 'all' || (permit === 'read-only' && tool.level === 'read')

const withEffect = ({ tools }: TestedServer, permit: Permit) =>
  tools.map((tool) => ({ ...tool, effect: runs(tool, permit) ? 'permit' : 'ask' }))

function toolTable(ctx: Context, { tools }: TestedServer, permit: Permit): string {
  const rows = tools.map((tool) => [
    clip(plain(tool.name), 40),
    KIND[tool.level],
    tool.hidden !== null ? 'hidden' : runs(tool, permit) ? 'runs' : 'asks',
    tool.hidden ?? tool.description.trim().split('\n')[0],
  ])
  return table(['TOOL', 'KIND', 'CALLS', 'WHAT IT SAYS'], rows, ctx.io.stdout.columns)
}

function summary({ hello, tools }: TestedServer, permit: Permit): string {
  const listed = tools.filter((tool) => tool.hidden === null)
  const run = listed.filter((tool) => runs(tool, permit)).length
  const asks = listed.length - run
  const who = `${plain(hello.name)} ${plain(hello.version)} (protocol ${plain(hello.protocolVersion)})`
  const more =
    asks > 0 && permit === 'none' ? ' --permit read-only lets those that only read run.' : ''
  return `${who}: ${listed.length} tools; ${run} run without asking, ${asks} ask first.${more}`
}

function place(spec: ServerSpec): string {
  if (spec.kind === 'stdio') return [spec.command, ...spec.args].join(' ')
  return spec.kind === 'builtin' ? spec.program : spec.url
}
