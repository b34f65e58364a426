// Starts the program of a server and makes a link of its pipe: era first, then hello (MCP stdio transport;
// 2026-07-28, stdio > Backward Compatibility).
import { AppError, isAppError } from '../../kernel/app-error.ts'
import type { Clock } from '../../kernel/time.ts'
import { seconds } from '../../kernel/time.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { deadlineOf } from '../deadline.ts'
import type { EraMemory } from '../era-memory.ts'
import { handshake } from '../handshake.ts'
import type { Link, LinkFor } from '../link.ts'
import { parseMessages } from '../parse-messages.ts'
import { createPeer, type Peer, peerLink } from '../rpc-peer.ts'
import type { Server, ServerSecret } from '../server.ts'
import { excerpt, secretForms } from '../web.ts'
import type { Child, Children, Exit } from './children.ts'
import { environmentOf, findCommand } from './environment.ts'
import type { Folders } from './folders.ts'
import { createLineReader } from './lines.ts'
import type { ProgramUser, Sandbox } from './sandbox.ts'
import { killStrays, MARK } from './strays.ts'
import { escapeControls, without } from './tail.ts'

export interface StdioDeps {
  clock: Clock
  log: Logger
  eras: EraMemory
  children: Children
  folders: Folders
  sandbox: Sandbox
  /** By which everything that one program starts is known: another one each time. */
  mark(): string
  /** The gateway's own environment. */
  env: NodeJS.ProcessEnv
}

type StdioServer = Server & { spec: { kind: 'stdio' } }

const LINE_LIMIT = 10 * 1024 * 1024
const PROBE_MS = seconds(3)
const STDERR_LINES = 12

interface Program {
  child: Child
  peer: Peer
  noise: { count: number; last: string }
  startedAt: number
  /** As the admin wrote it. */
  commandLine: string
}

export async function openStdio(
  deps: StdioDeps,
  server: StdioServer,
  secret: ServerSecret,
  linkFor: LinkFor,
  opening: { signal: AbortSignal; deadline: number },
): Promise<Link> {
  const limit = deadlineOf(
    deps.clock,
    opening.deadline,
    opening.signal,
    () => new AppError('server_timeout', `${server.name} took too long to start.`),
  )
  try {
    const { program, hello } = await greet(
      deps,
      server,
      secret,
      linkFor,
      opening.deadline,
      limit.signal,
    )
    deps.eras.set(server, hello.era)
    const { child, peer, noise } = program
    return peerLink(peer, hello, linkFor, {
      close: async () => {
        peer.end(new AppError('server_closed', `The program of ${server.name} was stopped.`))
        await child.stop()
      },
      diagnose: () => ({ pid: child.pid, stderr: child.stderr.text(), noise: { ...noise } }),
    })
  } finally {
    limit.clear()
  }
}

/** Some programs die of any request before `initialize`: then once more, with `initialize` first. */
async function greet(
  deps: StdioDeps,
  server: StdioServer,
  secret: ServerSecret,
  linkFor: LinkFor,
  deadline: number,
  signal: AbortSignal,
) {
  const remembered = deps.eras.get(server)
  const first = await launch(deps, server, secret)
  const outcome = await tryHandshake(deps, first, server, linkFor, remembered, deadline, signal)
  if ('hello' in outcome) return { program: first, hello: outcome.hello }
  deps.eras.forget(server)
  if (remembered === 'session' || !outcome.diedOfProbe)
    throw await startError(first, server, deps, outcome.error)
  const second = await launch(deps, server, secret)
  const again = await tryHandshake(deps, second, server, linkFor, 'session', deadline, signal)
  if ('hello' in again) return { program: second, hello: again.hello }
  throw await startError(second, server, deps, again.error)
}

async function tryHandshake(
  deps: StdioDeps,
  program: Program,
  server: StdioServer,
  linkFor: LinkFor,
  era: ReturnType<EraMemory['get']>,
  deadline: number,
  signal: AbortSignal,
) {
  let answered = false
  try {
    const hello = await handshake(program.peer, {
      clock: deps.clock,
      name: server.name,
      linkFor,
      era,
      probeMs: PROBE_MS,
      deadline,
      signal,
      answered: () => {
        answered = true
      },
    })
    return { hello }
  } catch (error) {
    return { error, diedOfProbe: program.peer.closed !== null && !answered && !signal.aborted }
  }
}

async function launch(
  deps: StdioDeps,
  server: StdioServer,
  secret: ServerSecret,
): Promise<Program> {
  const { spec } = server
  const user = deps.sandbox.userOf(server.id)
  const folders = await deps.folders.of(server.id, user)
  const instead = user
    ? { HOME: folders.home, USER: user.name, LOGNAME: user.name, TMPDIR: '/tmp' }
    : {}
  const mark = deps.mark()
  const env: Record<string, string> = {
    ...environmentOf(spec, secret, deps.env, instead),
    [MARK]: mark,
  }
  const cwd = spec.cwd ?? folders.work
  const commandLine = [spec.command, ...spec.args].join(' ')
  const program = findCommand(spec.command, env.PATH ?? '', cwd)
  const confined = deps.sandbox.confine(program, spec.args, folders)
  const secrets = secretForms(Object.values(secret.env ?? {}).map((value) => value.reveal()))
  const startedAt = deps.clock.monotonic()
  const sweep = deps.sandbox.endsAll ? {} : { sweep: () => killStrays(mark) }
  const child = deps.children.start({ ...confined, env, cwd, user, secrets, ...sweep })
  const noise = { count: 0, last: '' }
  const peer = createPeer({
    clock: deps.clock,
    name: server.name,
    send: async (message) => {
      try {
        await child.write(`${JSON.stringify(message)}\n`)
      } catch (cause) {
        throw new AppError('server_closed', `The program of ${server.name} takes no more input.`, {
          remedy: 'It is started again with the next call.',
          cause,
        })
      }
    },
    debug: (error, what) => deps.log.debug({ server: server.name, err: error }, what),
  })
  readFrom(child, peer, noise, server.name, secrets)
  void child.exited.then((exit) => {
    peer.end(
      new AppError('server_closed', `The program of ${server.name} ended (${exitText(exit)}).`, {
        said: lastWords(child),
        remedy: 'It is started again with the next call.',
      }),
    )
  })
  return { child, peer, noise, startedAt, commandLine }
}

function readFrom(
  child: Child,
  peer: Peer,
  noise: Program['noise'],
  name: string,
  secrets: readonly string[],
): void {
  const strange = (text: string) => {
    noise.count++
    noise.last = excerpt(without(secrets, text), 200)
  }
  const reader = createLineReader(LINE_LIMIT, {
    line: (text) => {
      if (text.trim() === '') return
      const messages = parseMessages(text)
      if (messages.length === 0 || messages.includes(null)) strange(text)
      for (const message of messages) if (message) peer.receive(message)
    },
    tooLong: (beginning, end) => {
      strange(beginning)
      const why = new AppError(
        'server_garbage',
        `${name} answered with a line of more than ${LINE_LIMIT} bytes.`,
        { remedy: 'Ask the tool for less at a time.' },
      )
      const id = /"id"\s*:\s*(\d+)/.exec(beginning) ?? /"id"\s*:\s*(\d+)/.exec(end)
      if (!id || !peer.spoil(Number(id[1]), why)) peer.spoil(null, why)
    },
  })
  child.stdout.on('data', (chunk: Buffer) => reader.push(chunk))
}

const END_MS = 500

async function startError(
  program: Program,
  server: StdioServer,
  deps: StdioDeps,
  cause: unknown,
): Promise<AppError> {
  const { child, peer, noise, startedAt, commandLine } = program
  // A pipe that breaks is the first sign of an end; how it ended is known a moment later.
  if (isAppError(cause, 'server_closed'))
    await Promise.race([child.exited, new Promise<void>((r) => deps.clock.after(END_MS, r))])
  const died = peer.closed !== null
  await child.stop()
  const exit = await child.exited
  const ran = Math.round((deps.clock.monotonic() - startedAt) / 100) / 10
  const how = exit.error
    ? `could not be started (${exit.error.code ?? exit.error.message})`
    : died
      ? `ended after ${ran} s (${exitText(exit)})`
      : `gave no usable answer within ${ran} s${cause instanceof AppError && cause.code !== 'server_timeout' ? `: ${cause.own}` : ''}`
  const printed =
    noise.count > 0
      ? noise.count === 1
        ? ` It printed a line that is not MCP: "${noise.last}".`
        : ` It printed ${noise.count} lines that are not MCP, the last: "${noise.last}".`
      : ''
  return new AppError(
    'server_start',
    `The program of ${server.name}, \`${escapeControls(commandLine)}\`, ${how}.`,
    {
      said: `${printed}${lastWords(child)}`,
      remedy: remedyFor(exit, deps.sandbox.userOf(server.id), child.stderr.lines(STDERR_LINES)),
      cause,
    },
  )
}

const exitText = ({ code, signal, error }: Exit) =>
  error ? (error.code ?? error.message) : signal ? `signal ${signal}` : `exit code ${code}`

function lastWords(child: Child): string {
  const text = child.stderr.lines(STDERR_LINES)
  return text === '' ? '' : ` Its last words:\n${text}`
}

function remedyFor({ error, code }: Exit, user: ProgramUser | undefined, stderr: string): string {
  if (error?.code === 'ENOENT')
    return 'Give the full path of the program, and check that its working folder exists.'
  const denied = error?.code === 'EACCES' || /permission denied|EACCES/i.test(stderr)
  if (denied && user)
    return `The program runs as a user of its own (uid ${user.uid}): make it readable for everybody, or set sandbox: off if you trust it.`
  if (denied) return 'Check that the program may be run.'
  if (code === 127) return 'A program that it needs is missing: check PATH, or give full paths.'
  return 'Run the command in a terminal: it must wait for input and print nothing but MCP.'
}
