// Hostile JSON-RPC from outside (C8b): one clear refusal each, nothing reaches a server, and the connection goes on.
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { Client } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { hostileBodies } from '../fixtures/hostile-json.ts'
import { openSession } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

const LIMIT = 256 * 1024
const BOMB = gzipSync(Buffer.alloc(20 * 1024 * 1024, ' '))
const WORD = 'from-a-hostile-message'
const STATELESS = '2026-07-28'
const META = JSON.stringify({
  'io.modelcontextprotocol/protocolVersion': STATELESS,
  'io.modelcontextprotocol/clientCapabilities': {},
})

let everything: Everything
let gateway: Gateway
let key: Record<string, string>

beforeAll(async () => {
  everything = await startEverything()
  gateway = await startGatewayHere({ env: { MOORING_LIMITS_REQUEST_BYTES: String(LIMIT) } })
  await gateway.addServer('everything', everything.url)
  key = { 'x-api-key': (await gateway.createKey()).key }
})
afterAll(async () => {
  await gateway?.close()
  await everything?.close()
})

const calls = () =>
  everything.seen.filter(({ body }) => JSON.stringify(body ?? null).includes('tools/call')).length

const doors = [
  ['/mcp', 'everything__echo', 'session'],
  ['/mcp', 'everything__echo', 'stateless'],
  ['/s/everything/mcp', 'echo', 'session'],
  ['/s/everything/mcp', 'echo', 'stateless'],
] as const

describe.each(doors)('at %s, calling %s in the %s era', (path, tool, era) => {
  let client: Client
  let headers: Record<string, string>
  const call = (word = WORD, id = '1') =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${tool}","arguments":{"message":"${word}"}${era === 'stateless' ? `,"_meta":${META}` : ''}}}`

  beforeAll(async () => {
    client = new Client(gateway.url, { pipelining: 1 })
    headers = {
      ...key,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    if (era === 'session')
      headers = { ...headers, ...(await openSession(gateway.url + path, key)).headers }
    else
      headers = {
        ...headers,
        'mcp-protocol-version': STATELESS,
        'mcp-method': 'tools/call',
        'mcp-name': tool,
      }
  })
  afterAll(() => client?.close())

  const send = async (body: Buffer | string, over: Record<string, string | string[]> = {}) => {
    const merged = Object.entries({ ...headers, ...over }).filter(([, value]) => value !== '')
    const reply = await client.request({
      method: 'POST',
      path,
      headers: Object.fromEntries(merged),
      body,
    })
    const text = await reply.body.text()
    return { status: reply.statusCode, text, headers: reply.headers }
  }
  const errorIn = (text: string) =>
    JSON.parse(text) as { id: unknown; error: { code: number; message: string; data?: unknown } }

  it('an honest call passes, and reaches the server once', async () => {
    const before = calls()
    const { status, text } = await send(call('honest'))
    expect(status, text).toBe(200)
    expect(text).toContain('"text":"honest"')
    expect(calls()).toBe(before + 1)
  })

  it('every hostile body gets one refusal that says why, before anything has an effect', async () => {
    const before = calls()
    for (const { name, body, status, code } of hostileBodies(call(), WORD)) {
      const answer = await send(body)
      expect(answer.status, `${name}: ${answer.text}`).toBe(status)
      const { error } = errorIn(answer.text)
      expect(error.code, `${name}: ${answer.text}`).toBe(code)
      expect(error.message.length, name).toBeGreaterThan(20)
      expect(answer.text, name).not.toMatch(/ {4}at |\/src\/|node:/)
    }
    expect(calls()).toBe(before)
    expect((await send(call('afterwards'))).text).toContain('"text":"afterwards"')
  })

  it.each([
    ['none', ''],
    ['text', 'text/plain'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['several parts', 'multipart/form-data; boundary=x'],
    ['a look-alike', 'application/jsonp'],
    ['a patch', 'application/json-patch+json'],
    ['an event stream', 'text/event-stream'],
    ['UTF-16', 'application/json; charset=utf-16'],
    ['Latin 1', 'application/json;charset="iso-8859-1"'],
    ['UTF-7', 'application/json; x=y; charset=utf-7'],
  ])('a body called %s is refused, whatever is in it', async (_name, type) => {
    const before = calls()
    const { status, text } = await send(call(), { 'content-type': type })
    expect([status, errorIn(text).error.data]).toEqual([415, { code: 'unsupported_media' }])
    expect(calls()).toBe(before)
  })

  it('UTF-8 may be said aloud', async () => {
    for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON;charset="UTF-8"'])
      expect((await send(call('said'), { 'content-type': type })).status, type).toBe(200)
  })

  it.each(['gzip', 'br', 'deflate', 'x-gzip', 'gzip, gzip', 'identity, gzip', 'aes128gcm'])(
    'a body in the encoding %s is refused and never unpacked',
    async (encoding) => {
      const before = calls()
      for (const body of [gzipSync(call()), Buffer.from(call()), BOMB]) {
        const { status, text } = await send(body, { 'content-encoding': encoding })
        expect([status, errorIn(text).error.data]).toEqual([415, { code: 'unsupported_media' }])
      }
      expect(calls()).toBe(before)
    },
  )

  it('ids come back exactly as they were sent, on every way through', async () => {
    const ids = [
      '"x"',
      '""',
      '"caf\\u00e9"',
      '"\\"id\\":null"',
      '"$&$1"',
      '0',
      '-7',
      '9007199254740993',
      '12345678901234567890123',
      '1e400',
      '0.1',
      '1.50',
      '-0',
      `"${'x'.repeat(1000)}"`,
    ]
    for (const id of ids) {
      const echoed = await send(call('with an id', id))
      expect(echoed.status, `${id}: ${echoed.text}`).toBe(200)
      const unknown = await send(call('with an id', id).replace(`"${tool}"`, '"nothing"'), {
        ...(era === 'stateless' && { 'mcp-name': 'nothing' }),
      })
      for (const { text } of [echoed, unknown]) {
        const came = rawId(text)
        // What every program reads as the same number or text may go to the server and be written anew by it.
        const same = came === id || (isPlain(id) && JSON.parse(came) === JSON.parse(id))
        expect(same, `${id}: ${text}`).toBe(true)
      }
    }
  })

  if (era === 'session') return

  describe('headers that say something else than the body', () => {
    const base64 = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`
    const wrong: [string, Record<string, string | string[]>][] = [
      ['another version', { 'mcp-protocol-version': '2026-07-29' }],
      ['no version', { 'mcp-protocol-version': '' }],
      ['a version twice', { 'mcp-protocol-version': [STATELESS, STATELESS] }],
      ['an older version', { 'mcp-protocol-version': '2025-11-25' }],
      ['another method', { 'mcp-method': 'tools/list' }],
      ['a method in other letters', { 'mcp-method': 'Tools/Call' }],
      ['no method', { 'mcp-method': '' }],
      ['the method twice', { 'mcp-method': ['tools/call', 'tools/list'] }],
      ['another name', { 'mcp-name': 'other' }],
      ['no name', { 'mcp-name': '' }],
      ['the name twice', { 'mcp-name': [tool, 'other'] }],
      ['the same name twice', { 'mcp-name': [tool, tool] }],
      ['a name in other letters', { 'mcp-name': tool.toUpperCase() }],
      ['another name in base64', { 'mcp-name': base64('other') }],
      ['a name in base64 that is none', { 'mcp-name': '=?base64?***?=' }],
      [
        'a name in base64 without its padding',
        {
          'mcp-name': `=?base64?${Buffer.from(`${tool}1`).toString('base64').replace(/=+$/, '')}?=`,
        },
      ],
      ['a name in base64 that is no UTF-8', { 'mcp-name': '=?base64?/w==?=' }],
      ['a name with a line break in base64', { 'mcp-name': base64(`${tool}\r\nX-Evil: 1`) }],
    ]
    it.each(wrong)('%s: refused with 400, and nothing is sent', async (_name, over) => {
      const before = calls()
      const { status, text } = await send(call(), over)
      expect(status, text).toBe(400)
      expect(text).toMatch(/"code":(-32020|-32022|-32602|-32600)|"bad_request"/)
      expect(calls()).toBe(before)
    })

    describe('a tool that mirrors an argument into a header', () => {
      const mirrored = tool.replace('echo', 'test_x_mcp_header')
      const sendRegion = (args: object, region: Record<string, string | string[]>) =>
        send(
          call()
            .replace(`"${tool}"`, `"${mirrored}"`)
            .replace(/"arguments":\{[^}]*\}/, () => `"arguments":${JSON.stringify(args)}`),
          { 'mcp-name': mirrored, ...region },
        )

      it.each<[string, object, Record<string, string | string[]>]>([
        ['another value', { region: 'eu' }, { 'mcp-param-region': 'us' }],
        ['a value in other letters', { region: 'eu' }, { 'mcp-param-region': 'EU' }],
        ['no header', { region: 'eu' }, {}],
        ['no argument', {}, { 'mcp-param-region': 'eu' }],
        ['the value twice', { region: 'eu' }, { 'mcp-param-region': ['eu', 'eu'] }],
        ['two values', { region: 'eu' }, { 'mcp-param-region': ['eu', 'us'] }],
        ['base64 that is none', { region: 'eu' }, { 'mcp-param-region': '=?base64?!?=' }],
        ['another value in base64', { region: 'eu' }, { 'mcp-param-region': base64('us') }],
      ])('%s is refused with 400, and nothing is sent', async (_name, args, region) => {
        const before = calls()
        const { status, text } = await sendRegion(args, region)
        expect(status, text).toBe(400)
        expect(calls()).toBe(before)
      })

      it('line breaks and letters beyond ASCII reach the server as base64 and never as headers', async () => {
        for (const region of ['é', 'eu\r\nX-Evil: 1', ' eu', '\0', '=?base64?eA==?=']) {
          const { status, text } = await sendRegion(
            { region },
            { 'mcp-param-region': base64(region) },
          )
          expect(status, text).toBe(200)
          const { headers: seen } = everything.seen.at(-1)!
          expect(seen['mcp-param-region']).toBe(base64(region))
          expect(seen['mcp-name']).toBe('test_x_mcp_header')
          expect(seen).not.toHaveProperty('x-evil')
        }
      })
    })

    it('the name in base64 is the name', async () => {
      const { status, text } = await send(call('wrapped'), { 'mcp-name': base64(tool) })
      expect([status, text.includes('"text":"wrapped"')]).toEqual([200, true])
    })
  })
})

const isPlain = (id: string) => id.startsWith('"') || Number.isSafeInteger(JSON.parse(id))

/** The id of an answer as it stands there. */
function rawId(text: string): string {
  const json = /^data: (\{.*\})$/m.exec(text)?.[1] ?? text
  return /"id":("(?:[^"\\]|\\.)*"|[^,}]+)/.exec(json)?.[1] ?? ''
}

describe('a body over the limit', () => {
  const head = (lines: string) =>
    `POST /mcp HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\nX-API-Key: ${key['x-api-key']}\r\nContent-Type: application/json\r\n${lines}\r\n\r\n`
  const filler = Buffer.alloc(64 * 1024, ' ')

  /** Writes until the gateway has answered and closed; what it answered, and how the connection broke, if it did. */
  const pour = (start: string, part: Buffer, times: number) =>
    new Promise<string>((resolve) => {
      let text = ''
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      // Programs that are cut off while they send often lose the answer over it.
      socket.on('error', (error) => (text += `\n${String(error)}`))
      socket.on('close', () => resolve(text))
      socket.write(start)
      for (let i = 0; i < times; i++) socket.write(part)
    })
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), filler, Buffer.from('\r\n')])

  it.concurrent.each([
    ['that says so', () => pour(head('Content-Length: 327680'), filler, 5)],
    ['that says so, and never sends it', () => pour(head('Content-Length: 300000'), filler, 0)],
    [
      'that says the largest number',
      () => pour(head('Content-Length: 9007199254740991'), filler, 1),
    ],
    ['in chunks', () => pour(head('Transfer-Encoding: chunked'), chunk, 8)],
    [
      'in one chunk that never ends',
      () =>
        pour(
          head('Transfer-Encoding: chunked'),
          Buffer.concat([Buffer.from('fffffff\r\n'), filler, filler, filler, filler, filler]),
          1,
        ),
    ],
    [
      'of many megabytes, all sent',
      () => pour(head(`Content-Length: ${90 * filler.length}`), filler, 90),
    ],
  ])('%s gets the whole refusal, then the end of its connection', async (_name, sent) => {
    const text = await sent()
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(text).toMatch(/\r\nconnection: close\r\n/i)
    const { error } = JSON.parse(text.slice(text.indexOf('{'))) as { error: { data: object } }
    expect(error.data).toMatchObject({ code: 'too_large', limit: LIMIT })
  })

  it.each(['/oauth/token', '/oauth/register', '/oauth/par', '/login', '/setup'])(
    'is refused at %s by its length alone, before it is sent',
    async (path) => {
      const start = head('Content-Length: 8000000')
        .replace('POST /mcp', `POST ${path}`)
        .replace(
          'application/json',
          /register/.test(path) ? 'application/json' : 'application/x-www-form-urlencoded',
        )
      expect(await pour(start, filler, 0)).toMatch(/^HTTP\/1\.1 413 /)
    },
  )

  it('with less than its length says is never taken for a message', async () => {
    const before = calls()
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    socket.end(`${head('Content-Length: 500')}{"jsonrpc":"2.0","id":1,"method":"ping"}`)
    let text = ''
    for await (const part of socket) text += String(part)
    expect(text).not.toMatch(/^HTTP\/1\.1 200/)
    expect(calls()).toBe(before)
  })
})
