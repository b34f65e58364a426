// Every id that leads to something of somebody (session, resumed stream, task, subscription, request, question), presented
// by somebody else: on both stores, and on links that several people share.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { type Program, root, startProgram } from '../fixtures/program.ts'
import { openSession, post, rpc, type Session, stateless } from '../fixtures/raw-client.ts'
import { dialects } from '../fixtures/stores.ts'

const CROSSING = 'test/fixtures/servers/crossing.ts'
const TASKS = {
  'io.modelcontextprotocol/clientCapabilities': {
    extensions: { 'io.modelcontextprotocol/tasks': {} },
  },
}
type Credential = Record<string, string>

describe.each(dialects)('on %s', (dialect) => {
  const databases = databasesOn(process.env.MOORING_TEST_POSTGRES_URL ?? '')
  let gateway: Gateway
  let http: Program
  let ada: Credential
  let bob: Credential
  let adasOther: Credential

  beforeAll(async () => {
    const db = dialect === 'postgres' ? { MOORING_DB: await databases.take() } : {}
    gateway = await startGatewayHere({ env: { MOORING_SANDBOX: 'off', ...db } })
    http = await startProgram(CROSSING, ['stateless'])
    await gateway.addServer('http', http.url)
    const spec = { kind: 'stdio', command: process.execPath, args: [join(root, CROSSING), 'stdio'] }
    await gateway.govern('POST', '/servers', { name: 'pipe', spec, permit: 'all' })
    await gateway.addUser('bob')
    const key = async (userLogin: string) => ({
      'x-api-key': (await gateway.createKey({ userLogin })).key,
    })
    ada = await key('ada')
    adasOther = await key('ada')
    bob = await key('bob')
  })
  afterAll(async () => {
    await gateway?.close()
    await http?.stop()
    await databases.dropAll()
  })

  const pipe = () => `${gateway.url}/s/pipe/mcp`
  const stateOf = async (session: Session) =>
    JSON.parse((await session.call('state')).message.result!.content![0]!.text!) as {
      level: string
      cancelled: string[]
    }

  describe('a session', () => {
    it('is 404 for every other credential, on POST, GET, DELETE and on resuming a stream', async () => {
      const session = await openSession(pipe(), ada)
      const id = session.headers['mcp-session-id']!
      for (const [who, other] of Object.entries({ bob, adasOther })) {
        const headers = { ...session.headers, ...other, 'content-type': 'application/json' }
        const ask = (method: string, more: Record<string, string> = {}) =>
          fetch(pipe(), {
            method,
            headers: { ...headers, accept: 'application/json, text/event-stream', ...more },
            ...(method === 'POST' ? { body: JSON.stringify(rpc('tools/list')) } : {}),
          })
        for (const [method, more] of [
          ['POST', {}],
          ['GET', {}],
          ['GET', { 'last-event-id': '1' }],
          ['DELETE', {}],
        ] as const) {
          const reply = await ask(method, more)
          expect(reply.status, `${who} ${method}`).toBe(404)
          expect(await reply.text()).not.toContain(id)
        }
      }
      const elsewhere = await post(`${gateway.url}/mcp`, rpc('tools/list'), session.headers)
      expect(elsewhere.status).toBe(404)
      expect((await session.request('tools/list')).status).toBe(200)
    })
  })

  describe('a task', () => {
    const METHODS = ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update']

    it('of one client on a shared program is unknown to every other', async () => {
      const [mine, bobs, others] = await Promise.all(
        [ada, bob, adasOther].map((who) => openSession(pipe(), who)),
      )
      const made = await mine!.request('tools/call', { name: 'task', arguments: {}, task: {} })
      const { taskId } = made.message.result!.task as { taskId: string }
      for (const session of [bobs!, others!])
        for (const method of METHODS) {
          const { message, text } = await session.request(method, { taskId })
          expect(message.error, method).toMatchObject({ code: -32602 })
          expect(text).not.toContain('secret')
        }
      expect((await stateOf(bobs!)).cancelled).toEqual([])
      // On another endpoint, and by listing, neither.
      const everything = await openSession(`${gateway.url}/mcp`, bob)
      expect((await everything.request('tasks/get', { taskId })).message.error).toBeDefined()
      expect((await bobs!.request('tasks/list')).message.error).toMatchObject({ code: -32601 })
      expect(JSON.stringify(bobs!.hello)).not.toContain('"list":')
      const own = await mine!.request('tasks/result', { taskId })
      expect(own.message.result?.content?.[0]?.text).toBe(`secret of ${taskId}`)
      await mine!.request('tasks/cancel', { taskId })
      expect((await stateOf(mine!)).cancelled).toEqual([`tasks/cancel ${taskId}`])
    })

    it('of the stateless era is as well, and cannot be followed by another', async () => {
      const url = `${gateway.url}/s/http/mcp`
      const ask = (who: Credential, method: string, params: Record<string, unknown>) => {
        const headers = typeof params.taskId === 'string' ? { 'mcp-name': params.taskId } : {}
        return stateless(url, { ...who, ...headers }, method, { ...params, _meta: TASKS })
      }
      const made = await ask(ada, 'tools/call', { name: 'task', arguments: {} })
      expect(made.message.result, made.text).toMatchObject({ resultType: 'task' })
      const { taskId } = made.message.result as unknown as { taskId: string }
      for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update'])
        expect((await ask(bob, method, { taskId })).message.error, method).toMatchObject({
          code: -32602,
        })
      const follow = { notifications: { taskIds: [taskId] } }
      expect((await ask(bob, 'subscriptions/listen', follow)).message.error).toMatchObject({
        code: -32602,
      })
      const own = await ask(ada, 'tasks/get', { taskId })
      expect(own.text).toContain(`secret of ${taskId}`)
    })

    it('is changed only with the scope of a write', async () => {
      const { key } = await gateway.createKey({ scopes: ['pipe:read'] })
      const session = await openSession(pipe(), { 'x-api-key': key })
      for (const method of ['tasks/cancel', 'tasks/update']) {
        const { status, headers } = await session.request(method, { taskId: 'task-1' })
        expect(status, method).not.toBe(200)
        expect(headers.get('www-authenticate'), method).toContain('pipe:write')
      }
    })
  })

  describe('a request', () => {
    it('is not cancelled by another session that names its id, on a shared program', async () => {
      const [mine, bobs] = await Promise.all([ada, bob].map((who) => openSession(pipe(), who)))
      const call = mine!.call('echo', { nonce: 'mine', ms: 300 })
      for (const id of [1, 2, 3, 4, 5, 6, 7, 8, '1'])
        await post(
          pipe(),
          { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } },
          bobs!.headers,
        )
      expect((await call).message.result?.content?.[0]?.text).toBe('mine')
    })
  })
})
