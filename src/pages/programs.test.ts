import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import {
  bridge,
  claudeCodeCommand,
  claudeLink,
  cursorConfiguration,
  cursorLink,
  desktopConfiguration,
  desktopConfigurationWindows,
  programOf,
  vscodeCommand,
  vscodeLink,
} from './programs.ts'

const endpoint = 'https://mooring.fennwick.example/mcp'
/** What a shell makes of a command line. */
const words = async (line: string) =>
  (await promisify(execFile)('sh', ['-c', `printf '%s\\n' ${line}`])).stdout.trimEnd().split('\n')

test('the Claude link carries name and address to the dialog', () => {
  const url = new URL(claudeLink(endpoint))
  expect(url.origin + url.pathname).toBe('https://claude.ai/customize/connectors')
  expect(Object.fromEntries(url.searchParams)).toEqual({
    modal: 'add-custom-connector',
    connectorName: 'Mooring',
    connectorUrl: endpoint,
  })
})

test('the Cursor link carries a configuration that decodes', () => {
  const url = new URL(cursorLink(endpoint))
  expect(url.protocol).toBe('cursor:')
  expect(url.host + url.pathname).toBe('anysphere.cursor-deeplink/mcp/install')
  expect(url.searchParams.get('name')).toBe('mooring')
  const config = Buffer.from(url.searchParams.get('config') ?? '', 'base64').toString()
  expect(JSON.parse(config)).toEqual({ url: endpoint })
})

test('the VS Code link carries a configuration that decodes', () => {
  const [head, query = ''] = vscodeLink(endpoint).split('?')
  expect(head).toBe('vscode:mcp/install')
  expect(JSON.parse(decodeURIComponent(query))).toEqual({
    name: 'mooring',
    type: 'http',
    url: endpoint,
  })
})

test('the commands survive a shell', async () => {
  expect(await words(claudeCodeCommand(endpoint))).toEqual([
    'claude',
    'mcp',
    'add',
    '--transport',
    'http',
    'mooring',
    endpoint,
  ])
  expect(await words(claudeCodeCommand(endpoint, 'mk_abc'))).toEqual(
    expect.arrayContaining(['--header', 'Authorization: Bearer mk_abc']),
  )
  const [, , config = ''] = await words(vscodeCommand(endpoint))
  expect(JSON.parse(config)).toMatchObject({ name: 'mooring', url: endpoint })
})

test('the configurations are JSON that starts the bridge, on Windows through its interpreter', () => {
  const own = JSON.parse(desktopConfiguration(endpoint)).mcpServers.mooring
  expect(own).toEqual({ command: 'npx', args: ['-y', 'mcp-remote', endpoint] })
  const windows = JSON.parse(desktopConfigurationWindows(endpoint)).mcpServers.mooring
  expect(windows).toEqual({ command: 'cmd', args: ['/c', 'npx', '-y', 'mcp-remote', endpoint] })
  expect(JSON.parse(cursorConfiguration(endpoint)).mcpServers.mooring.url).toBe(endpoint)
})

test.each([
  ['http://127.0.0.1:8420/mcp', false],
  ['http://localhost:8420/mcp', false],
  ['https://gateway.example/mcp', false],
  ['http://gateway.lan:8420/mcp', true],
  ['http://127.0.0.1.evil.example/mcp', true],
])('the bridge is told to accept http only where it is needed: %s', (url, told) => {
  expect(bridge(url).args.includes('--allow-http')).toBe(told)
})

test('the bridge that is named exists under that name', () => {
  const { name } = createRequire(import.meta.url)('mcp-remote/package.json') as { name: string }
  expect(bridge(endpoint).args[1]).toBe(name)
})

test.each([
  ['Claude', 'claude.ai', 'claude'],
  ['anything', 'claude.com', 'claude'],
  ['Claude', 'claude.ai.evil.example', null],
  ['Claude Code (mooring)', 'localhost:3118', 'claude-code'],
  ['MCP CLI Proxy', 'localhost:9553', 'claude-desktop'],
  ['Cursor', 'localhost:8787', 'cursor'],
  ['x', 'www.cursor.com', 'cursor'],
  ['x', 'cursor:', 'cursor'],
  ['Visual Studio Code', '127.0.0.1:33418', 'vscode'],
  ['Codex', '127.0.0.1:1455', 'codex'],
  ['Robot', 'ci.example', null],
  ['', null, null],
])('a client that calls itself %s at %s is %s', (clientName, clientHost, program) => {
  expect(programOf({ clientName, clientHost })).toBe(program)
})
