// The command line of the MCP inspector: API key, its own OAuth with stored tokens, both eras, its exit codes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BrowserCommand, browserCommand } from '../fixtures/browser-command.ts'
import { type Gateway, startGatewayHere } from '../fixtures/gateway.ts'
import { runProgram } from '../fixtures/program.ts'
import { type Everything, startEverything } from '../fixtures/servers/everything.ts'

/** Documented exit code of the inspector when a sign-in is needed. */
const AUTH_REQUIRED = 3

describe('the inspector command line', () => {
  const home = mkdtempSync(join(tmpdir(), 'mooring-inspector-'))
  let everything: Everything
  let gateway: Gateway
  let browser: BrowserCommand

  beforeAll(async () => {
    everything = await startEverything()
    gateway = await startGatewayHere()
    await gateway.addServer('everything', everything.url)
    browser = browserCommand(home, gateway.admin)
  })
  afterAll(async () => {
    await gateway?.close()
    await everything?.close()
    rmSync(home, { recursive: true, force: true })
  })

  const inspect = async (...args: string[]) => {
    const ran = await runProgram(
      'node_modules/.bin/mcp-inspector',
      ['--cli', `${gateway.url}/mcp`, '--transport', 'http', '--format', 'json', ...args],
      {
        env: {
          ...browser.env,
          HOME: home,
          MCP_AUTO_OPEN_ENABLED: 'true',
          MCP_INSPECTOR_SECRET_STORE: 'file',
        },
      },
    )
    return { ...ran, said: `${ran.stdout}\n${ran.stderr}` }
  }
  const echo = ['--method', 'tools/call', '--tool-name', 'everything__echo']

  it.each(['legacy', 'modern'])('lists and calls with an API key, %s era', async (era) => {
    const { key } = await gateway.createKey()
    const header = ['--header', `X-API-Key: ${key}`, '--protocol-era', era, '--stored-auth-only']
    const list = await inspect(...header, '--method', 'tools/list')
    expect(list.code, list.said).toBe(0)
    expect(list.stdout).toContain('everything__echo')
    const call = await inspect(...header, ...echo, '--tool-arg', 'message=hi')
    expect(call.code, call.said).toBe(0)
    expect(call.stdout).toContain('"hi"')
  })

  it('is told that it has to sign in', async () => {
    const { code, said } = await inspect('--stored-auth-only', '--method', 'tools/list')
    expect(code, said).toBe(AUTH_REQUIRED)
  })

  it('signs in through the browser, and uses the stored tokens until they are revoked', async () => {
    const first = await inspect(...echo, '--tool-arg', 'message=signed-in')
    expect(first.code, first.said).toBe(0)
    expect(first.stdout).toContain('signed-in')
    expect(browser.opened()).toHaveLength(1)

    const stored = await inspect('--stored-auth-only', ...echo, '--tool-arg', 'message=stored')
    expect(stored.code, stored.said).toBe(0)
    expect(browser.opened()).toHaveLength(1)

    await gateway.revokeGrants()
    const refused = await inspect('--stored-auth-only', ...echo, '--tool-arg', 'message=no')
    expect(refused.code, refused.said).toBe(AUTH_REQUIRED)

    const again = await inspect('--relogin', ...echo, '--tool-arg', 'message=back')
    expect(again.code, again.said).toBe(0)
    expect(browser.opened()).toHaveLength(2)
  }, 90_000)
})
