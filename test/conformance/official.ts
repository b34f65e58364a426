// Runs the official conformance program and reads its totals.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../fixtures/program.ts'

export type Revision = '2025-11-25' | '2026-07-28'

export interface Totals {
  passed: number
  failed: number
  scenarios: Map<string, { passed: number; failed: number }>
  output: string
}

const RUNNER = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')

/** `onOutput` sees the text as it grows: the authorization scenarios print a URL and wait for a person. */
function run(
  args: readonly string[],
  onOutput: (text: string) => void = () => {},
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-conformance-'))
  return new Promise<string>((resolve, reject) => {
    const child = spawn(process.execPath, [RUNNER, ...args, '-o', folder], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
      killSignal: 'SIGKILL',
    })
    let output = ''
    const read = (chunk: Buffer) => {
      output += chunk.toString()
      onOutput(output)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', reject)
    child.once('close', () => resolve(output))
  }).finally(() => rmSync(folder, { recursive: true, force: true }))
}

function totalsOf(output: string): Totals {
  // Colours would hide the marks.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
  const plain = output.replace(/\x1b\[[\d;]*m/g, '')
  const lines = plain.matchAll(/^\s*[✓✗]\s+([\w./-]+): (\d+) passed, (\d+) failed/gm)
  const scenarios = new Map(
    [...lines].map(([, name, passed, failed]) => [
      name!,
      { passed: Number(passed), failed: Number(failed) },
    ]),
  )
  const sum = (of: 'passed' | 'failed') =>
    [...scenarios.values()].reduce((all, scenario) => all + scenario[of], 0)
  if (scenarios.size === 0) throw new Error(`The conformance program gave no totals:\n${output}`)
  return { passed: sum('passed'), failed: sum('failed'), scenarios, output: plain }
}

/** Exactly the scenarios that the revision requires of a server, frozen at its release. */
export async function serverTotals(url: string, revision: Revision): Promise<Totals> {
  return totalsOf(await run(['server', '--url', url, '--requirements', revision]))
}

export interface AuthorizationRun {
  issuer: string
  resource: string
  /** Registers a public client with this redirect address; returns its client id. */
  register(redirectUri: string): Promise<string>
  /** Signs in and decides; returns the redirect to the client. */
  authorize(url: string): Promise<URL>
}

export async function authorizationTotals(options: AuthorizationRun): Promise<Totals> {
  const port = await freePort()
  const clientId = await options.register(`http://127.0.0.1:${port}/callback`)
  let asked = false
  let failure: unknown
  const output = await run(
    [
      'authorization',
      ...['--url', options.issuer, '--client-id', clientId],
      ...['--resource', options.resource, '-p', String(port)],
    ],
    (text) => {
      const url = /(http\S+[?&]response_type=code\S*)\s/.exec(text)?.[1]
      if (!url || asked) return
      asked = true
      options
        .authorize(url)
        .then((back) => fetch(back))
        .catch((error: unknown) => {
          failure = error
        })
    },
  )
  if (failure) throw new Error(`The person could not authorize:\n${output}`, { cause: failure })
  return totalsOf(output)
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
