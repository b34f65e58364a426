// What an admin may write down as a server: names, addresses, commands and secrets, checked before anything is stored.
import { z } from 'zod'
import { AppError } from '../kernel/app-error.ts'
import { Secret } from '../kernel/secret.ts'
import type { ServerSecret, ServerSpec } from './server.ts'
import { serverUrl } from './web.ts'

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/
/** Prefix of the gateway's own tools. */
const RESERVED = ['mooring']
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** Through these a variable becomes code in whatever program runs: the dynamic linker, interpreters, shells. */
const CODE_NAMES =
  /^(LD_(?!LIBRARY_PATH$).*|DYLD_.*|NODE_OPTIONS|NODE_REPL_EXTERNAL_MODULE|PYTHON(STARTUP|INSPECT|BREAKPOINT|HOME)|PERL5(OPT|DB|LIB)|RUBY(OPT|LIB)|BASH_ENV|ENV|BASH_FUNC_.*|SHELLOPTS|PS4|PROMPT_COMMAND|IFS|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|GCONV_PATH|GIT_(SSH|SSH_COMMAND|EXTERNAL_DIFF|PAGER)|npm_config_(node_options|script_shell))$/i
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Set by the gateway for every request, or belonging to the connection. */
const OWN_HEADERS = [
  'accept',
  'connection',
  'content-length',
  'content-type',
  'host',
  'keep-alive',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** The form only; checkSpec also looks at what it says. */
export const specSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('stdio'),
    command: z.string().min(1),
    args: z.array(z.string()),
    cwd: z.string().exactOptional(),
    env: z.record(z.string(), z.string()).exactOptional(),
  }),
  z.strictObject({ kind: z.literal('http'), url: z.url() }),
  z.strictObject({ kind: z.literal('sse'), url: z.url() }),
  z.strictObject({ kind: z.literal('builtin'), program: z.literal('demo') }),
]) satisfies z.ZodType<ServerSpec>

const wrong = (message: string, remedy: string) =>
  new AppError('invalid_input', message, { remedy })

/** @throws AppError invalid_input */
export function checkName(name: string): string {
  if (!NAME.test(name)) {
    throw wrong(
      `"${name.replace(/[^\x20-\x7e]/g, '?').slice(0, 60)}" cannot be the name of a server.`,
      'Use up to 32 lower-case letters, digits and hyphens, beginning with a letter or digit.',
    )
  }
  if (RESERVED.includes(name))
    throw wrong(`The name ${name} belongs to the gateway itself.`, 'Choose another name.')
  return name
}

/** A new definition. @throws AppError invalid_input, blocked_address */
export function checkNewSpec(spec: unknown): ServerSpec {
  const checked = checkSpec(spec)
  if (checked.kind === 'stdio') refuseCode(checked.env ?? {})
  return checked
}

function refuseCode(env: Record<string, unknown>): void {
  for (const name of Object.keys(env))
    if (CODE_NAMES.test(name))
      throw wrong(
        `The variable ${name} can make a program run other code than the command says.`,
        'Write it into the command itself, such as: node --max-old-space-size=512 server.js.',
      )
}

/** @throws AppError invalid_input, blocked_address */
export function checkSpec(spec: unknown): ServerSpec {
  const kind = (spec as { kind?: unknown } | null)?.kind
  if (kind === 'openapi' || kind === 'cli') {
    throw wrong(
      `Servers of kind ${kind} are not available in this version.`,
      'Add an MCP server by its URL or by its command.',
    )
  }
  const parsed = specSchema.safeParse(spec)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw wrong(
      `The description of the server is wrong at ${issue?.path.join('.') || 'kind'}: ${issue?.message ?? 'unknown fault'}.`,
      'Give a URL, or a command with its arguments.',
    )
  }
  if (parsed.data.kind === 'stdio') checkCommand(parsed.data)
  if (parsed.data.kind === 'http' || parsed.data.kind === 'sse') serverUrl(parsed.data.url)
  return parsed.data
}

function checkCommand({ command, args, cwd, env = {} }: ServerSpec & { kind: 'stdio' }): void {
  const texts = [command, ...args, cwd ?? '', ...Object.values(env)]
  if (texts.some((text) => text.includes('\0')))
    throw wrong('A command cannot contain a NUL character.', 'Type it again.')
  checkEnvNames(env)
}

function checkEnvNames(env: Record<string, unknown>): void {
  for (const name of Object.keys(env)) {
    if (!ENV_NAME.test(name))
      throw wrong(`"${name}" cannot be the name of an environment variable.`, 'Use NAME=VALUE.')
    if (name.startsWith('MOORING_'))
      throw wrong(`${name} is a setting of the gateway, not of a server.`, 'Choose another name.')
  }
}

/** Headers for servers on the network, environment for programs. @throws AppError invalid_input */
export function checkSecret(spec: ServerSpec, secret: ServerSecret): ServerSecret {
  const web = spec.kind === 'http' || spec.kind === 'sse'
  if (secret.headers && Object.keys(secret.headers).length > 0 && !web)
    throw wrong(
      'Only servers with a URL take headers.',
      'Give the secret as an environment variable.',
    )
  if (secret.env && Object.keys(secret.env).length > 0 && spec.kind !== 'stdio')
    throw wrong('Only programs take environment variables.', 'Give the secret as a header.')
  for (const [name, value] of Object.entries(secret.headers ?? {})) {
    if (!HEADER_NAME.test(name)) throw wrong(`"${name}" is not a header name.`, 'Use NAME: VALUE.')
    if (OWN_HEADERS.includes(name.toLowerCase()) || name.toLowerCase().startsWith('mcp-param-'))
      throw wrong(`The header ${name} is set by the gateway itself.`, 'Leave it out.')
    if (!HEADER_VALUE.test(value.reveal()))
      throw wrong(
        `The value of the header ${name} has characters that headers cannot carry.`,
        'Look for line breaks in it.',
      )
  }
  checkEnvNames(secret.env ?? {})
  refuseCode(secret.env ?? {})
  if (Object.values(secret.env ?? {}).some((value) => value.reveal().includes('\0')))
    throw wrong('A secret cannot contain a NUL character.', 'Copy it again.')
  return secret
}

/** The query of an address often is a key: it is sealed with the other secrets, and no list or log shows it. */
export function withoutQuery(
  spec: ServerSpec,
  secret: ServerSecret,
): { spec: ServerSpec; secret: ServerSecret } {
  if (spec.kind !== 'http' && spec.kind !== 'sse') return { spec, secret }
  const url = new URL(spec.url)
  const { search } = url
  if (search === '') return { spec, secret }
  url.search = ''
  return { spec: { ...spec, url: url.href }, secret: { ...secret, query: new Secret(search) } }
}

const storedSecret = z.object({
  headers: z.record(z.string(), z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  query: z.string().optional(),
})

/** The text that is sealed; null when there is nothing to keep. */
export function secretText(secret: ServerSecret | undefined): string | null {
  const reveal = (values: Record<string, Secret> = {}) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.reveal()]))
  const query = secret?.query?.reveal()
  const plain = { headers: reveal(secret?.headers), env: reveal(secret?.env), query }
  const empty =
    Object.keys(plain.headers).length + Object.keys(plain.env).length === 0 && query === undefined
  return empty ? null : JSON.stringify(plain)
}

export function secretFrom(text: string): ServerSecret {
  const { headers = {}, env = {}, query } = storedSecret.parse(JSON.parse(text))
  const hide = (values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, new Secret(value)]))
  return {
    headers: hide(headers),
    env: hide(env),
    ...(query !== undefined && { query: new Secret(query) }),
  }
}
