// mcp-remote, the bridge that most people use today, as a child process: its own OAuth, its own token store, its browser
// replaced by the scripted person.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BrowserCommand, browserCommand } from '../fixtures/browser-command.ts'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { spoil } from '../fixtures/memory-provider.ts'
import { root } from '../fixtures/program.ts'
import { post, rpc } from '../fixtures/raw-client.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

describe('mcp-remote', () => {
  const home = mkdtempSync(join(tmpdir(), 'mooring-mcp-remote-'))
  const store = join(home, 'store')
  let everything: Everything
  let gateway: Gateway
  let browser: BrowserCommand

  beforeAll(async () => {
    everything = await startEverything({ eras: 'session' })
    gateway = await startGatewayHere()
    await gateway.addServer('everything', everything.url)
    browser = browserCommand(home, gateway.admin)
  })
  afterAll(async () => {
    await gateway?.close()
    await everything?.close()
    rmSync(home, { recursive: true, force: true })
  })

  const start = async (...args: string[]) => {
    const client = new Client({ name: 'remote-test', version: '1' })
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [
        join(root, 'node_modules/mcp-remote/dist/proxy.js'),
        `${gateway.url}/mcp`,
        '--allow-http',
        ...args,
      ],
      env: { ...browser.env, HOME: home, MCP_REMOTE_CONFIG_DIR: store },
      stderr: 'pipe',
    })
    let said = ''
    transport.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    await client.connect(transport).catch((error: unknown) => {
      throw new Error(`mcp-remote did not connect:\n${said}`, { cause: error })
    })
    return client
  }

  const echo = async (client: Client, message: string) => {
    const result = await client.callTool({ name: 'everything__echo', arguments: { message } })
    return (result.content as { text: string }[])[0]?.text
  }

  const tokenFile = () => {
    const name = readdirSync(store, { recursive: true, encoding: 'utf8' }).find((file) =>
      file.endsWith('_tokens.json'),
    )
    return join(store, name!)
  }
  const tokens = () =>
    JSON.parse(readFileSync(tokenFile(), 'utf8')) as { access_token: string; refresh_token: string }

  it('signs in through the browser once, lists and calls', async () => {
    const client = await start()
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('everything__echo')
    expect(await echo(client, 'over stdio')).toBe('over stdio')
    await client.close()
    expect(browser.opened()).toHaveLength(1)
  }, 60_000)

  it('starts again from its stored tokens, without a browser', async () => {
    const client = await start()
    expect(await echo(client, 'second start')).toBe('second start')
    await client.close()
    expect(browser.opened()).toHaveLength(1)
  }, 60_000)

  it('refreshes when its access token is lost', async () => {
    const before = tokens()
    writeFileSync(
      tokenFile(),
      JSON.stringify({ ...before, access_token: spoil(before.access_token) }),
    )
    const client = await start()
    expect(await echo(client, 'refreshed')).toBe('refreshed')
    await client.close()
    expect(tokens().refresh_token).not.toBe(before.refresh_token)
    expect(browser.opened()).toHaveLength(1)
  }, 60_000)

  it('is refused once its grant is revoked, and comes back through the browser', async () => {
    const { access_token: token } = tokens()
    await gateway.revokeGrants()
    const headers = { authorization: `Bearer ${token}` }
    expect((await post(`${gateway.url}/mcp`, rpc('ping'), headers)).status).toBe(401)
    const client = await start()
    expect(await echo(client, 'back')).toBe('back')
    await client.close()
    expect(browser.opened()).toHaveLength(2)
  }, 60_000)

  it('takes an API key in a header, and never opens a browser for it', async () => {
    const { key } = await gateway.createKey()
    const client = await start('--header', `X-API-Key:${key}`)
    expect(await echo(client, 'by key')).toBe('by key')
    await client.close()
    expect(browser.opened()).toHaveLength(2)
  }, 60_000)
})
