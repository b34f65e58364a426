// npm run probe:claude: Claude Code as a real client, when it is on the machine (CLAUDE_BIN, or `claude` on PATH).
// It is proprietary and large, so the repository neither installs nor ships it. No account is needed: a stand-in answers
// for the Messages API and asks for one tool call.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { browserCommand } from '../fixtures/browser-command.ts'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { startEverything } from '../fixtures/servers/everything.ts'

const claude = process.env.CLAUDE_BIN ?? 'claude'
const TOOL = 'mcp__mooring__everything__echo'
const MESSAGE = 'through Claude Code'
const DOCUMENT = 'https://claude.ai/oauth/claude-code-client-metadata'

const found = spawnSync(claude, ['--version'], { encoding: 'utf8' })
if (found.status === 0) await probe(found.stdout.trim())
else
  console.log(
    'Skipped: Claude Code is not on this machine. Install @anthropic-ai/claude-code somewhere else and set CLAUDE_BIN.',
  )

async function probe(version: string): Promise<void> {
  console.log(`Claude Code ${version}`)
  const home = mkdtempSync(join(tmpdir(), 'mooring-claude-'))
  const everything = await startEverything()
  const gateway = await startGatewayHere()
  const model = await startModel()
  try {
    await gateway.addServer('everything', everything.url)
    const { key } = await gateway.createKey()
    const env = {
      HOME: home,
      CLAUDE_CONFIG_DIR: join(home, '.claude'),
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'not-a-key',
      ENABLE_TOOL_SEARCH: 'false',
    }
    const url = `${gateway.url}/mcp`
    const add = ['mcp', 'add', '--transport', 'http']
    await run([...add, 'mooring', url, '--header', `X-API-Key: ${key}`], env)
    check('connects with an API key', /connected/i.test(await run(['mcp', 'get', 'mooring'], env)))
    await run([...add, 'signed-out', url], env)
    const signedOut = await run(['mcp', 'get', 'signed-out'], env)
    check('says that it has to sign in', /needs authentication/i.test(signedOut))
    await signIn(gateway, { ...env, ...browserCommand(home, gateway.admin).env })
    const said = await run(['-p', 'Call the tool.', '--allowedTools', TOOL], env)
    check('calls a tool and hands the result to the model', said.includes(MESSAGE))
  } finally {
    await model.close()
    await gateway.close()
    await everything.close()
    rmSync(home, { recursive: true, force: true })
  }
}

/** It identifies itself by its metadata document, which the gateway has pinned: nothing is fetched. */
async function signIn(gateway: Gateway, env: Record<string, string>): Promise<void> {
  // The login wants a terminal; `script` (util-linux) gives it one.
  await run(['-qec', `${claude} mcp login signed-out`, '/dev/null'], env, 'script')
  const connected = async () => /connected/i.test(await run(['mcp', 'get', 'signed-out'], env))
  check('signs in through the browser and connects', await connected())
  const { grants } = await gateway.govern<{ grants: { client: { id: string } }[] }>(
    'GET',
    '/grants',
  )
  check('is known by its metadata document', grants[0]?.client.id === DOCUMENT)
  await gateway.revokeGrants()
  check('is refused once its grant is revoked', !(await connected()))
}

function check(what: string, holds: boolean): void {
  console.log(`${holds ? 'ok' : 'FAILED'}: ${what}`)
  if (!holds) process.exitCode = 1
}

function run(args: string[], env: Record<string, string>, program = claude): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    child.once('error', reject)
    child.once('close', () => resolve(output))
  })
}

interface Ask {
  stream?: boolean
  tools?: { name: string }[]
  messages: { content: string | { type: string; content?: unknown }[] }[]
}

/** Asks for the tool once it is offered, and then repeats what the tool said. */
async function startModel(): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const ask = JSON.parse(Buffer.concat(chunks).toString() || '{"messages":[]}') as Ask
    const block = answerTo(ask)
    const message = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'stand-in',
      content: [block],
      stop_reason: block.type === 'tool_use' ? 'tool_use' : 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    }
    if (ask.stream) {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const event of eventsOf(message, block))
        res.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      res.end()
    } else {
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

type Block =
  | { type: 'text'; text: string }
  | { type: 'tool_use'; id: string; name: string; input: object }

function answerTo({ tools = [], messages }: Ask): Block {
  const last = messages.at(-1)?.content
  const result = Array.isArray(last) ? last.find(({ type }) => type === 'tool_result') : undefined
  if (result) return { type: 'text', text: `The tool said ${JSON.stringify(result.content)}` }
  if (tools.some(({ name }) => name === TOOL))
    return { type: 'tool_use', id: 'toolu_1', name: TOOL, input: { message: MESSAGE } }
  return { type: 'text', text: 'No tool was offered.' }
}

function eventsOf(message: object & { stop_reason: string }, block: Block) {
  const empty = block.type === 'text' ? { ...block, text: '' } : { ...block, input: {} }
  const delta =
    block.type === 'text'
      ? { type: 'text_delta', text: block.text }
      : { type: 'input_json_delta', partial_json: JSON.stringify(block.input) }
  return [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
    { type: 'content_block_start', index: 0, content_block: empty },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: message.stop_reason, stop_sequence: null },
      usage: { output_tokens: 1 },
    },
    { type: 'message_stop' },
  ]
}
