// Every way out of the program, and what it is for (threats.md row 13). Whoever adds one adds it here.
import { describe, expect, it } from 'vitest'
import { filesUnder, isTest, type SourceFile } from './source-files.ts'

const product = filesUnder('src', ['.ts']).filter(({ path }) => !isTest(path))
const textOf = (path: string) => product.find((file) => file.path === path)?.text ?? ''

/** What can open a connection when it is imported from one of these modules. */
const MODULES =
  /^(?:node:)?(?:undici|net|tls|http|https|http2|dgram|dns|dns\/promises|pg|ws|openid-client|oauth4webapi|@modelcontextprotocol\/client(?:\/.*)?)$/
const HARMLESS = new Set([
  'isIP',
  'isIPv4',
  'isIPv6',
  'createServer',
  'IncomingMessage',
  'ServerResponse',
  'errors',
])

const STATEMENT = /^import\s+(type\s+)?([^'"]*?)\s*from\s*['"]([^'"]+)['"]/gm

/** Names of values that a file imports from the modules above. */
function waysOut({ text }: SourceFile): string[] {
  const found: string[] = []
  for (const [, typeOnly, names = '', module = ''] of text.matchAll(STATEMENT)) {
    if (typeOnly || !MODULES.test(module)) continue
    for (const one of names.replace(/[{}]/g, '').split(','))
      found.push(one.trim().replace(/\s+as\s+\w+$/, ''))
  }
  return found.filter((name) => name !== '' && !/^type\s/.test(name) && !HARMLESS.has(name)).sort()
}

const WAYS_OUT: Record<string, string[]> = {
  // Strangers' addresses: documents of clients.
  'src/kernel/safe-fetch.ts': ['Client'],
  // Addresses of servers, which an admin has written.
  'src/servers/web.ts': ['Pool'],
  // What both connect through.
  'src/kernel/safe-connect.ts': ['buildConnector', 'lookup'],
  // The control socket in the data folder: a path, no address.
  'src/cli/connect-admin.ts': ['connect', 'request'],
  // Holds a request that never came over a wire; it is not connected.
  'src/authserver/run-provider.ts': ['Socket'],
  // The database that the configuration names: one file connects, two read its errors and types.
  'src/store/postgres-append.ts': ['pg'],
  'src/store/postgres-hint.ts': ['pg'],
  'src/store/postgres-pool.ts': ['pg'],
}

describe('connections to elsewhere', () => {
  it('are opened in the files named here, with the means named here', () => {
    const found = Object.fromEntries(
      product
        .map((file) => [file.path, waysOut(file)] as const)
        .filter(([, names]) => names.length > 0),
    )
    expect(found).toEqual(WAYS_OUT)
  })

  it('of strangers and of servers go through the connector that checks addresses, and follow nothing', () => {
    for (const path of ['src/kernel/safe-fetch.ts', 'src/servers/web.ts']) {
      expect(textOf(path).match(/\bnew (?:Client|Pool)\(/g), path).toHaveLength(1)
      expect(textOf(path).match(/\bconnect: createSafeConnector\(/g), path).toHaveLength(1)
      expect(textOf(path), path).not.toMatch(/interceptors|maxRedirections|setGlobalDispatcher/)
    }
  })

  it('are not made by the fetch of the platform, nor by modules that are loaded in passing', () => {
    const other =
      /(?<![.\w])fetch\(|globalThis\.fetch|new (?:WebSocket|EventSource|XMLHttpRequest)\b|createRemoteJWKSet|\brequire\(|getBuiltinModule|import\(\s*['"](?:node:|undici)/
    // A type may say that something has a method of that name.
    const uses = product.filter(({ text }) =>
      text
        .split('\n')
        .some((line) => other.test(line) && !/^\s*(?:\/\/|\*|fetch\(url: string)/.test(line)),
    )
    expect(uses.map(({ path }) => path)).toEqual([])
  })

  it('to addresses of strangers are asked for by the documents of clients alone', () => {
    const naming = (word: RegExp) =>
      product.filter(({ text }) => word.test(text)).map(({ path }) => path)
    expect(naming(/\bcreateSafeFetch\(/)).toEqual(['src/compose.ts', 'src/kernel/safe-fetch.ts'])
    expect(naming(/\bsafeFetch\b/)).toEqual([
      'src/authserver/authserver.ts',
      'src/authserver/client-documents.ts',
      'src/authserver/deps.ts',
      'src/compose.ts',
    ])
    // Whatever the OAuth library wants to read, it gets from there.
    expect(textOf('src/authserver/configuration.ts')).toMatch(
      /^ {4}fetch: async \(url\) => \{\n(?:(?! {4}\},)[^\n]*\n)*?[^\n]*documents\.fetch\(/m,
    )
  })

  it('would be noticed', () => {
    const file = (text: string): SourceFile => ({ path: 'src/x.ts', text, lines: 1 })
    expect(waysOut(file("import { connect, isIP } from 'node:net'\n"))).toEqual(['connect'])
    expect(waysOut(file("import * as https from 'https'\n"))).toEqual(['*'])
    expect(
      waysOut(file("import {\n  type Dispatcher,\n  request as ask,\n} from 'undici'\n")),
    ).toEqual(['request'])
    expect(waysOut(file("import type { Socket } from 'node:net'\n"))).toEqual([])
  })
})
