// C10, C11: lists of many servers when one is dead, slow or talks nonsense; and how soon a change of a list is heard.
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { root } from '../fixtures/program.ts'
import { openSession, rpc, type Session, stateless } from '../fixtures/raw-client.ts'
import {
  event,
  json,
  type OddServer,
  result,
  sessionEra,
  startOdd,
  statelessEra,
  stream,
} from '../fixtures/servers/odd-http.ts'

let gateway: Gateway
let key: Record<string, string>
let session: Session
const servers: OddServer[] = []

beforeAll(async () => {
  gateway = await startGatewayHere()
  key = { authorization: `Bearer ${(await gateway.createKey()).key}` }
  session = await openSession(`${gateway.url}/mcp`, key)
})
afterAll(async () => {
  await gateway.close()
  for (const server of servers) await server.close()
})

const odd = async (...behaviour: Parameters<typeof startOdd>) => {
  const server = await startOdd(...behaviour)
  servers.push(server)
  return server
}
const tool = (name: string) => ({ name, inputSchema: { type: 'object' } })
const offering = (names: string[]) =>
  sessionEra((request, res) =>
    json(
      res,
      200,
      result(request, { tools: names.map(tool), content: [{ type: 'text', text: 'fine' }] }),
    ),
  )
const names = async (from: Session = session) => {
  const { message } = await from.request('tools/list')
  return (message.result!.tools as { name: string }[]).map(({ name }) => name)
}
const statusOf = async (name: string) => {
  const { servers: all } = await gateway.govern<{ servers: { name: string; status: string }[] }>(
    'GET',
    '/servers',
  )
  return all.find((server) => server.name === name)!.status
}

describe('one bad server among good ones', () => {
  test('neither delays nor empties the list of the others, and is reported with its cause', async () => {
    const good = await odd(offering(['work']))
    const slow = await odd(() => undefined)
    const garbage = await odd((_request, res) =>
      res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'),
    )
    await gateway.addServer('good', good.url)
    // Adding one that is slow waits for it, not so the lists.
    const adding = Promise.all([
      gateway.addServer('dead', 'http://127.0.0.1:9/mcp'),
      gateway.addServer('slow', slow.url),
      gateway.addServer('garbage', garbage.url),
    ])
    const started = performance.now()
    let lists = 0
    for (; slow.seen.length === 0 || lists < 20; lists++)
      expect(await names()).toContain('good__work')
    const { message } = await session.call('good__work')
    expect(message.result).toBeDefined()
    // A share of what the slow one may take before it is given up (15 s).
    expect((performance.now() - started) / lists).toBeLessThan(500)
    await expect.poll(() => statusOf('dead')).toMatch(/nothing listens there/)
    await expect.poll(() => statusOf('garbage')).toMatch(/text\/html|not MCP/)
    expect(await statusOf('slow')).toBe('opening')
    expect(await names()).toEqual(['good__work'])
    await adding
  })

  test('comes back by itself when its cause is gone, and one that goes keeps its tools', async () => {
    const place = createServer()
    await new Promise<void>((done) => place.listen(0, '127.0.0.1', done))
    const { port } = place.address() as { port: number }
    await new Promise((done) => place.close(done))
    await gateway.addServer('late', `http://127.0.0.1:${port}/mcp`)
    expect(await names()).not.toContain('late__work')
    const behind = await odd(offering(['work']))
    // The address comes to life; nobody tells the gateway.
    const proxy = createServer((req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        void fetch(behind.url, {
          method: req.method!,
          headers: { 'content-type': 'application/json' },
          ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
        }).then(async (reply) => {
          res
            .writeHead(reply.status, { 'content-type': 'application/json' })
            .end(await reply.text())
        })
      })
    })
    await new Promise<void>((done) => proxy.listen(port, '127.0.0.1', done))
    onTestFinished(() => void proxy.close())
    await expect.poll(() => names(), { timeout: 15_000, interval: 100 }).toContain('late__work')
    expect(await statusOf('late')).toBe('up')
    proxy.closeAllConnections()
    await new Promise((done) => proxy.close(done))
    expect((await session.call('late__work')).message.error?.message).toMatch(/late/)
    expect(await names()).toContain('late__work')
    expect((await session.call('good__work')).message.result).toBeDefined()
  })
})

/** A server whose list can be changed. */
interface Changing {
  spec: object
  /** One more tool, and the news of it. */
  grow(name: string): unknown
}

const LIST_CHANGED = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

async function changingHttp(era: 'session' | 'stateless'): Promise<Changing> {
  const tools = ['first']
  let tell: (() => void) | undefined
  const answer = (request: Parameters<typeof result>[0]) =>
    result(request, { resultType: 'complete', tools: tools.map(tool) })
  const plain =
    era === 'session'
      ? sessionEra((request, res) => json(res, 200, answer(request)))
      : statelessEra((request, res) => json(res, 200, answer(request)), {
          tools: { listChanged: true },
        })
  const server = await odd((request, res) => {
    const listens =
      era === 'session' ? request.method === 'GET' : request.body?.method === 'subscriptions/listen'
    if (!listens) return plain(request, res)
    stream(res).flushHeaders()
    tell = () => void res.write(event(LIST_CHANGED))
    return undefined
  })
  return {
    spec: { kind: 'http', url: server.url },
    grow: async (name) => {
      await expect.poll(() => tell).toBeDefined()
      tools.push(name)
      tell?.()
    },
  }
}

/** The transport of before 2025-03-26: everything that the server says comes over the one stream. */
async function changingSse(): Promise<Changing> {
  const tools = ['first']
  let open: ServerResponse | undefined
  const hello = {
    protocolVersion: '2024-11-05',
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 'old', version: '1' },
  }
  const server = await odd((request, res) => {
    if (request.method === 'GET') {
      open = stream(res)
      open.write('event: endpoint\ndata: /message\n\n')
      return
    }
    res.writeHead(202).end()
    if (request.body?.id === undefined) return
    const value = request.body.method === 'initialize' ? hello : { tools: tools.map(tool) }
    open?.write(event(result(request, value)))
  })
  return {
    spec: { kind: 'sse', url: server.url },
    grow: (name) => {
      tools.push(name)
      open?.write(event(LIST_CHANGED))
    },
  }
}

const changingStdio = async (): Promise<Changing> => ({
  spec: {
    kind: 'stdio',
    command: process.execPath,
    args: [join(root, 'test/fixtures/servers/odd/habits.ts'), 'grows'],
  },
  grow: (name) => session.call('stdio__echo', { name }),
})

/** Reads a stream until it tells of a change of tools; resolves to when. */
async function heard(reply: Response): Promise<number> {
  let text = ''
  for await (const chunk of reply.body!) {
    text += Buffer.from(chunk).toString()
    if (text.includes('notifications/tools/list_changed')) return performance.now()
  }
  throw new Error(`The stream ended: ${text}`)
}

const headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

async function listeningSession() {
  const own = await openSession(`${gateway.url}/mcp`, key)
  const reply = await fetch(`${gateway.url}/mcp`, {
    headers: { ...own.headers, accept: 'text/event-stream' },
  })
  expect(reply.status).toBe(200)
  return { news: heard(reply), list: () => names(own) }
}

async function listeningStateless() {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { notifications: { toolsListChanged: true }, _meta: meta }
  const reply = await fetch(`${gateway.url}/mcp`, {
    method: 'POST',
    headers: {
      ...headers,
      ...key,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'subscriptions/listen',
    },
    body: JSON.stringify(rpc('subscriptions/listen', params)),
  })
  expect(reply.status).toBe(200)
  const list = async () => {
    const { message } = await stateless(`${gateway.url}/mcp`, key, 'tools/list')
    return (message.result!.tools as { name: string }[]).map(({ name }) => name)
  }
  return { news: heard(reply), list }
}

test.each([
  ['stdio', changingStdio],
  ['http-session', () => changingHttp('session')],
  ['http-stateless', () => changingHttp('stateless')],
  ['sse', changingSse],
] as const)(
  'a change of the list of a %s server is heard by clients of both eras within two seconds',
  async (name, make) => {
    const server = await make()
    await gateway.govern('POST', '/servers', { name, spec: server.spec, permit: 'all' })
    const clients = await Promise.all([listeningSession(), listeningStateless()])
    const started = performance.now()
    await server.grow('second')
    for (const { news, list } of clients) {
      const took = (await news) - started
      console.log(`${name}: heard after ${Math.round(took)} ms`)
      expect(took).toBeLessThan(2000)
      expect(await list()).toContain(`${name}__second`)
    }
  },
)
