// Every route that the gateway has, read off the program itself: who gets in without a credential, and under which Host
// and Origin (threats.md rows 3, 17 and 18). A new route that nobody has thought about fails here.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GatewayHere, startGatewayHere } from '../fixtures/gateway.ts'
import { callOf, rpc } from '../fixtures/raw-client.ts'

const PAGE = 'https://app.example'
let gateway: GatewayHere
let own: string

beforeAll(async () => {
  gateway = await startGatewayHere({ demo: true, env: { MOORING_ALLOWED_ORIGINS: PAGE } })
  own = new URL(gateway.url).host
})
afterAll(() => gateway?.close())

/** What a stranger gets, by route. Anything that is not listed must refuse with 401 or 403. */
const PUBLIC: Record<string, (status: number, location: string) => boolean> = {
  'GET /healthz': (status) => status === 200,
  'GET /readyz': (status) => status === 200,
  'GET /assets/*': (status) => status === 200,
  'GET /login': (status) => status === 200,
  // A form without its token, a setup link that is none, a sign-in that nobody began.
  'POST /login': (status) => status === 403,
  'POST /logout': (status, to) => status === 303 && to === '/login',
  'GET /setup': (status) => status === 400,
  'POST /setup': (status) => status === 403,
  'GET /login/:uid': (status) => status === 410,
  'POST /login/:uid': (status) => status === 410,
  'GET /consent/:uid': (status) => status === 410,
  'POST /consent/:uid': (status) => status === 410,
  ...Object.fromEntries(
    [
      'GET /',
      'GET /keys/new',
      'POST /keys/new',
      'POST /servers/demo',
      'GET /connections/:id/revoke',
      'POST /connections/:id/revoke',
      'GET /keys/:id/revoke',
      'POST /keys/:id/revoke',
      'GET /settings/public-url',
      'POST /settings/public-url',
    ].map((route) => [
      route,
      (status: number, to: string) => status === 303 && /^\/login(\?next=%2F[\w%-]*)?$/.test(to),
    ]),
  ),
  // The rooms behind these have no page of their own: see the table of their addresses below.
  ...Object.fromEntries(
    ['/oauth/*', '/.well-known/*', '/mcp/.well-known/*', '/s/:name/mcp/.well-known/*', '/*'].map(
      (path) => [`ALL ${path}`, (status: number) => status === 404],
    ),
  ),
}

/** The addresses behind `/oauth/*` and the documents: what a stranger who sends nothing gets. */
const SERVICES: [method: string, path: string, status: number][] = [
  ['GET', '/oauth/authorize', 400],
  ['POST', '/oauth/token', 400],
  ['POST', '/oauth/register', 400],
  ['POST', '/oauth/revoke', 400],
  ['POST', '/oauth/introspect', 400],
  ['POST', '/oauth/par', 400],
  ['GET', '/oauth/jwks', 200],
  ['GET', '/.well-known/oauth-protected-resource', 200],
  ['GET', '/.well-known/oauth-protected-resource/mcp', 200],
  ['GET', '/.well-known/oauth-protected-resource/s/demo/mcp', 200],
  ['GET', '/.well-known/oauth-authorization-server', 200],
  ['GET', '/.well-known/openid-configuration', 200],
]

interface Row {
  route: string
  method: string
  path: string
}

const rows = (): Row[] => {
  const known = new Set(gateway.routes.map(({ method, path }) => `${method} ${path}`))
  return [...known].flatMap((name) => {
    const [method = '', pattern = ''] = name.split(' ')
    const route = name.replace(/^GET \/assets\/.*/, 'GET /assets/*')
    const path = pattern
      .replace(':name', 'demo')
      .replace(/:\w+/g, 'abcdefgh')
      .replace('/*', '/nothing')
    const methods = method === 'ALL' ? ['GET', 'POST', 'DELETE', 'PUT'] : [method]
    return methods.map((one) => ({ route, method: one, path }))
  })
}

const ask = ({ method, path }: Omit<Row, 'route'>, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      accept: 'application/json, text/event-stream, text/html',
      ...(method === 'POST' && {
        'content-type': /^\/(mcp|s\/|oauth\/register)/.test(path)
          ? 'application/json'
          : 'application/x-www-form-urlencoded',
      }),
      ...headers,
    },
    ...(method === 'POST' && {
      body: /^\/(mcp|s\/)/.test(path) ? JSON.stringify(rpc('ping')) : '',
    }),
  })

describe('without a credential', () => {
  it('every route refuses, or is one of the public ones and answers as that', async () => {
    const found = new Set<string>()
    for (const row of rows()) {
      const answer = await ask(row)
      const { status } = answer
      await answer.body?.cancel()
      const allowed = PUBLIC[row.route]
      found.add(row.route)
      const label = `${row.method} ${row.path} of ${row.route}: ${status}`
      if (allowed) expect(allowed(status, answer.headers.get('location') ?? ''), label).toBe(true)
      else expect([401, 403], label).toContain(status)
    }
    // A row that stands for nothing any more would hide the next route of that name.
    expect(Object.keys(PUBLIC).filter((route) => !found.has(route))).toEqual([])
  })

  it('every address that the metadata names is in the table of services', async () => {
    const metadata = await fetch(`${gateway.url}/.well-known/oauth-authorization-server`)
    const named = Object.entries((await metadata.json()) as Record<string, string>)
      .filter(([name]) => /_endpoint$|_uri$/.test(name))
      .map(([, url]) => new URL(url).pathname)
    expect(named.length).toBeGreaterThan(5)
    for (const path of named) expect(SERVICES.map(([, one]) => one)).toContain(path)
    for (const [method, path, status] of SERVICES) {
      const answer = await ask({ method, path })
      expect([400, 401].includes(answer.status) ? 400 : answer.status, `${method} ${path}`).toBe(
        status,
      )
      const other = await ask({ method: method === 'GET' ? 'DELETE' : 'GET', path })
      expect(other.status, `not ${method} ${path}`).toBe(405)
    }
  })
})

const everything = (): Row[] => [
  ...rows(),
  ...SERVICES.map(([method, path]) => ({ route: path, method, path })),
]

/** One request from a bare socket; what came back until the gateway closes. */
function bare(head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => {
      socket.write(`${head}\r\nConnection: close\r\n\r\n`)
    })
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

describe('the Host', () => {
  it('of somebody else is refused on every route before anything reads the request', async () => {
    const { key } = await gateway.createKey()
    const all = everything()
    expect(all.length).toBeGreaterThan(50)
    for (const { method, path } of all) {
      const answer = await bare(
        `${method} ${path} HTTP/1.1\r\nHost: evil.example\r\nX-API-Key: ${key}\r\nX-Forwarded-Host: ${own}\r\nContent-Length: 0`,
      )
      expect(statusOf(answer), `${method} ${path}`).toBe(421)
      expect(answer).toContain('"code":"wrong_host"')
      expect(answer).not.toMatch(/set-cookie|access-control-allow/i)
    }
  })

  const port = () => own.split(':')[1]
  const names: [string, () => string, number][] = [
    ['its own name', () => own, 200],
    ['in upper case', () => `LOCALHOST:${port()}`, 200],
    ['without the port', () => '127.0.0.1', 421],
    ['with another port', () => '127.0.0.1:1', 421],
    ['with a dot at the end', () => `localhost.:${port()}`, 421],
    ['with a name in front', () => `evil@${own}`, 421],
    ['with a path behind', () => `${own}/x`, 421],
    ['with a space', () => `${own} evil.example`, 421],
    ['with a comma', () => `${own}, evil.example`, 421],
    ['of letters that look alike', () => `l\xf6calhost:${port()}`, 421],
    ['as a number', () => `2130706433:${port()}`, 421],
    ['in short', () => `127.1:${port()}`, 421],
    ['that only resolves to us', () => `127.0.0.1.nip.io:${port()}`, 421],
    ['that is empty', () => '', 421],
  ]
  it.each(names)('%s is told apart exactly', async (_name, host, status) => {
    for (const path of ['/healthz', '/login', '/oauth/jwks'])
      expect(statusOf(await bare(`GET ${path} HTTP/1.1\r\nHost: ${host()}`)), path).toBe(status)
  })

  it('is needed, stands once, and agrees with a target that names one', async () => {
    const forms: [string, number][] = [
      ['GET /healthz HTTP/1.0', 421],
      ['GET /healthz HTTP/1.1', 400],
      [`GET /healthz HTTP/1.1\r\nHost: ${own}\r\nHost: ${own}`, 400],
      [`GET /healthz HTTP/1.1\r\nHost: ${own}\r\nhost: evil.example`, 400],
      [`GET /healthz HTTP/1.1\r\nHost: evil.example\r\nHost: ${own}`, 400],
      [`GET http://${own}/healthz HTTP/1.1\r\nHost: ${own}`, 200],
      [`GET http://evil.example/healthz HTTP/1.1\r\nHost: ${own}`, 421],
      [`GET http://${own}@evil.example/healthz HTTP/1.1\r\nHost: ${own}`, 421],
      [`GET http://${own}/healthz HTTP/1.1\r\nHost: evil.example`, 421],
      [`GET ftp://${own}/healthz HTTP/1.1\r\nHost: ${own}`, 400],
      [`GET //evil.example/healthz HTTP/1.1\r\nHost: ${own}`, 404],
      [`GET healthz HTTP/1.1\r\nHost: ${own}`, 400],
      [`OPTIONS * HTTP/1.1\r\nHost: ${own}`, 400],
      [`GET /healthz HTTP/2.0\r\nHost: ${own}`, 400],
    ]
    for (const [head, status] of forms) expect(statusOf(await bare(head)), head).toBe(status)
  })
})

describe('the Origin', () => {
  const foreign = () => [
    'https://evil.example',
    'null',
    `${PAGE}.evil.example`,
    `${PAGE}/path`,
    PAGE.toUpperCase(),
    `${PAGE}, https://evil.example`,
    `http://${own.replace('127.0.0.1', 'localhost.')}`,
    `https://${own}`,
    '',
  ]

  it('of another site lets it read nothing and change nothing, on any route', async () => {
    const { key } = await gateway.createKey()
    for (const origin of foreign())
      for (const row of everything()) {
        const answer = await ask(row, { origin, 'x-api-key': key })
        await answer.body?.cancel()
        const label = `${row.method} ${row.path} from "${origin}": ${answer.status}`
        expect(answer.headers.has('access-control-allow-origin'), label).toBe(false)
        if (/^\/(s\/demo\/)?mcp\/?$/.test(row.path)) expect(answer.status, label).toBe(403)
        else if (row.method === 'POST') expect([303, 403, 404, 410], label).toContain(answer.status)
      }
  })

  it('of another site registers no client, though a browser would not ask before sending', async () => {
    const body = JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] })
    for (const origin of foreign())
      for (const type of ['application/json', 'text/plain']) {
        const answer = await fetch(`${gateway.url}/oauth/register`, {
          method: 'POST',
          headers: { origin, 'content-type': type },
          body,
        })
        expect(answer.status, origin).toBe(403)
      }
    const { clients } = await gateway.govern<{ clients: unknown[] }>('GET', '/clients')
    expect(clients).toEqual([])
  })

  it('that stands twice is refused, whichever of the two is ours', async () => {
    for (const pair of [
      [PAGE, 'null'],
      ['null', PAGE],
    ])
      expect(
        statusOf(
          await bare(
            `GET /mcp HTTP/1.1\r\nHost: ${own}\r\n${pair.map((one) => `Origin: ${one}`).join('\r\n')}`,
          ),
        ),
      ).toBe(400)
  })

  it('is still seen behind a thousand other headers', async () => {
    const many = Array.from({ length: 2500 }, (_, i) => `a${i}:\r\n`).join('')
    const answer = await bare(`GET /mcp HTTP/1.1\r\nHost: ${own}\r\n${many}Origin: null`)
    expect(statusOf(answer)).toBe(403)
  })
})

describe('headers that proxies trust among themselves', () => {
  it('change nothing: not who one is, not what is asked for, not where it came from', async () => {
    const { key } = await gateway.createKey()
    const trusted: Record<string, string> = {
      'x-forwarded-user': 'ada',
      'x-forwarded-email': 'ada@example.com',
      'x-remote-user': 'ada',
      'remote-user': 'ada',
      'x-webauth-user': 'ada',
      'x-auth-request-user': 'ada',
      'x-authenticated-userid': 'ada',
      'x-original-url': '/mcp',
      'x-rewrite-url': '/mcp',
      'x-original-uri': '/mcp',
      'x-forwarded-uri': '/mcp',
      'x-forwarded-prefix': '/mcp',
      'x-http-method': 'POST',
      'x-http-method-override': 'POST',
      'x-method-override': 'POST',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-forwarded-for': '198.51.100.7',
      'x-real-ip': '198.51.100.7',
      'true-client-ip': '198.51.100.7',
      'cf-connecting-ip': '198.51.100.7',
      forwarded: 'for=198.51.100.7;host=evil.example;proto=https',
      'x-mooring-user': 'ada',
    }
    const plain = async (headers: Record<string, string>) => {
      const answers = await Promise.all([
        ask({ method: 'GET', path: '/mcp' }, headers),
        ask({ method: 'GET', path: '/nothing' }, headers),
        ask({ method: 'GET', path: '/' }, headers),
        ask({ method: 'GET', path: '/login' }, headers),
        ask({ method: 'GET', path: '/.well-known/oauth-authorization-server' }, headers),
        ask({ method: 'POST', path: '/mcp' }, headers),
      ])
      return Promise.all(
        answers.map(async (answer) => ({
          status: answer.status,
          location: answer.headers.get('location'),
          challenge: answer.headers.get('www-authenticate'),
          cookie: answer.headers.get('set-cookie')?.replace(/=[^;]+/, ''),
          text: (await answer.text()).replace(/value="[^"]*"/g, ''),
        })),
      )
    }
    const expected = await plain({})
    for (const [name, value] of Object.entries(trusted))
      expect(await plain({ [name]: value }), name).toEqual(expected)
    const called = await fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: { ...trusted, 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify(callOf('demo__echo')),
    })
    expect(called.status).toBe(400)
    const { events } = await gateway.govern<{ events: { ip: string | null }[] }>(
      'GET',
      '/logs/auth?limit=200',
    )
    expect(events.filter(({ ip }) => ip === '198.51.100.7')).toEqual([])
    expect(events.some(({ ip }) => ip === '127.0.0.1')).toBe(true)
  })
})
