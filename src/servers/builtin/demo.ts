// The `demo` server: harmless tools inside the gateway, to see a first call work. No files, no network.
import type { Random } from '../../kernel/ids.ts'
import type { JsonObject } from '../../kernel/mcp.ts'
import type { Clock } from '../../kernel/time.ts'
import { pause } from '../deadline.ts'
import type { LinkCall, RpcReply } from '../link.ts'
import { isObject } from '../rpc.ts'

export interface DemoDeps {
  clock: Clock
  random: Random
}

const readOnly = { readOnlyHint: true, openWorldHint: false }
const object = (properties: JsonObject, required: string[] = []): JsonObject => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})

const tools = [
  {
    name: 'echo',
    title: 'Echo',
    description: 'Says back what you say.',
    inputSchema: object({ message: { type: 'string', description: 'What to say back' } }, [
      'message',
    ]),
    annotations: readOnly,
  },
  {
    name: 'add',
    title: 'Add two numbers',
    description: 'Adds two numbers.',
    inputSchema: object({ a: { type: 'number' }, b: { type: 'number' } }, ['a', 'b']),
    outputSchema: object({ sum: { type: 'number' } }, ['sum']),
    annotations: readOnly,
  },
  {
    name: 'now',
    title: 'Current time',
    description: 'The current time of the gateway, in UTC.',
    inputSchema: object({}),
    annotations: readOnly,
  },
  {
    name: 'roll_dice',
    title: 'Roll dice',
    description: 'Rolls one or more dice.',
    inputSchema: object({
      dice: { type: 'integer', minimum: 1, maximum: 20, default: 1 },
      sides: { type: 'integer', minimum: 2, maximum: 100, default: 6 },
    }),
    annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
  },
  {
    name: 'wait',
    title: 'Wait',
    description: 'Waits some seconds and reports progress every second.',
    inputSchema: object({ seconds: { type: 'integer', minimum: 0, maximum: 300 } }, ['seconds']),
    annotations: readOnly,
  },
] as const

const prompts = [
  {
    name: 'greet',
    title: 'Greet somebody',
    description: 'A short greeting in a language of your choice.',
    arguments: [
      { name: 'name', description: 'Whom to greet', required: true },
      { name: 'language', description: 'In which language', required: false },
    ],
  },
]

const LANGUAGES = ['English', 'French', 'German', 'Italian', 'Japanese', 'Portuguese', 'Spanish']

const about = {
  uri: 'demo://about',
  name: 'about',
  title: 'About the demo server',
  description: 'What this server is for.',
  mimeType: 'text/plain',
}

const ABOUT =
  'This server is part of the gateway. Its tools touch nothing; use them to see a call work.'

export const demoHello = {
  era: 'session' as const,
  protocolVersion: '2025-11-25',
  serverInfo: { name: 'mooring-demo', title: 'Demo', version: '1.0.0' },
  capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
  instructions: 'Harmless tools to try the gateway with.',
}

export async function answerDemo(
  deps: DemoDeps,
  call: LinkCall,
  signal: AbortSignal,
): Promise<RpcReply> {
  const { method, params } = call
  switch (method) {
    case 'ping':
      return { result: {} }
    case 'tools/list':
      return { result: { tools } }
    case 'prompts/list':
      return { result: { prompts } }
    case 'resources/list':
      return { result: { resources: [about] } }
    case 'resources/templates/list':
      return { result: { resourceTemplates: [] } }
    case 'resources/read':
      return params.uri === about.uri
        ? { result: { contents: [{ uri: about.uri, mimeType: about.mimeType, text: ABOUT }] } }
        : failure(-32002, `There is no resource ${String(params.uri)}.`)
    case 'prompts/get':
      return greeting(params)
    case 'completion/complete':
      return completion(params)
    case 'tools/call':
      return callTool(deps, call, signal)
    default:
      return failure(-32601, `The demo server has no method ${method}.`)
  }
}

async function callTool(deps: DemoDeps, call: LinkCall, signal: AbortSignal): Promise<RpcReply> {
  const args = isObject(call.params.arguments) ? call.params.arguments : {}
  switch (call.params.name) {
    case 'echo':
      return text(String(args.message))
    case 'add': {
      const sum = Number(args.a) + Number(args.b)
      if (!Number.isFinite(sum)) return text('Both must be numbers.', { isError: true })
      return text(String(sum), { structuredContent: { sum } })
    }
    case 'now':
      return text(new Date(deps.clock.now()).toISOString())
    case 'roll_dice': {
      const dice = within(args.dice, 1, 1, 20)
      const sides = within(args.sides, 6, 2, 100)
      const rolls = Array.from({ length: dice }, () => 1 + roll(deps.random, sides))
      return text(`${rolls.join(' + ')} = ${rolls.reduce((a, b) => a + b, 0)}`)
    }
    case 'wait':
      return wait(deps, call, within(args.seconds, 0, 0, 300), signal)
    default:
      return failure(-32602, `The demo server has no tool ${String(call.params.name)}.`)
  }
}

async function wait(
  deps: DemoDeps,
  call: LinkCall,
  total: number,
  signal: AbortSignal,
): Promise<RpcReply> {
  const meta = isObject(call.params._meta) ? call.params._meta : {}
  for (let progress = 1; progress <= total; progress++) {
    await pause(deps.clock, 1000, signal)
    if (meta.progressToken === undefined) continue
    call.onNotification?.({
      method: 'notifications/progress',
      params: { progressToken: meta.progressToken, progress, total },
    })
  }
  return text(`Waited ${total} s.`)
}

function greeting(params: JsonObject): RpcReply {
  if (params.name !== 'greet') return failure(-32602, `There is no prompt ${String(params.name)}.`)
  const args = isObject(params.arguments) ? params.arguments : {}
  if (typeof args.name !== 'string') return failure(-32602, 'The argument name is missing.')
  const language = typeof args.language === 'string' ? args.language : 'English'
  const words = `Write one friendly sentence that greets ${args.name} in ${language}.`
  return { result: { messages: [{ role: 'user', content: { type: 'text', text: words } }] } }
}

function completion(params: JsonObject): RpcReply {
  const argument = isObject(params.argument) ? params.argument : {}
  const typed = typeof argument.value === 'string' ? argument.value.toLowerCase() : ''
  const values =
    argument.name === 'language' ? LANGUAGES.filter((l) => l.toLowerCase().startsWith(typed)) : []
  return { result: { completion: { values, total: values.length, hasMore: false } } }
}

const text = (words: string, more: JsonObject = {}): RpcReply => ({
  result: { content: [{ type: 'text', text: words }], ...more },
})

const failure = (code: number, message: string): RpcReply => ({ error: { code, message } })

const within = (value: unknown, fallback: number, low: number, high: number): number => {
  const number = value === undefined ? fallback : Math.trunc(Number(value))
  return Number.isNaN(number) ? fallback : Math.min(high, Math.max(low, number))
}

/** Evenly from 0 to `sides` - 1: bytes beyond the last full multiple are drawn again. */
function roll(random: Random, sides: number): number {
  const even = 256 - (256 % sides)
  for (;;) {
    const byte = random(1)[0]!
    if (byte < even) return byte % sides
  }
}
