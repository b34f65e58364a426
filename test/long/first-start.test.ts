// From an empty folder to the first tool call, as a person does it, timed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { registerOauthClient } from '../fixtures/oauth-client.ts'
import { openBrowser } from '../fixtures/person.ts'
import { startProgram } from '../fixtures/program.ts'
import { openSession } from '../fixtures/raw-client.ts'

/** Generous for a shared machine; it takes a few seconds on a quiet one. */
const PATIENCE_MS = 30_000

describe('the first start', () => {
  it('leads from one command over the setup link to the first tool call, within seconds', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'mooring-first-'))
    const began = performance.now()
    const args = ['serve', '--port', '0', '--data', dataDir, '--no-open', '--demo']
    const gateway = await startProgram('bin/mooring.js', args, {
      pattern: /(http:\/\/127\.0\.0\.1:\d+\/setup\S+)/,
    })
    try {
      const admin = { login: 'ada', password: 'a long enough passphrase 42' }
      const browser = openBrowser()
      const setup = await browser.open(gateway.url)
      expect(setup.status, setup.html).toBe(200)
      const form = setup.forms.find((f) => f.has('password'))!
      const values = new URLSearchParams(form.values)
      values.set('login', admin.login)
      values.set('name', 'Ada')
      values.set('password', admin.password)
      const done = await browser.open(new URL(form.action, setup.url).href, values)
      expect(done.status, done.html).toBe(200)

      const { origin } = new URL(gateway.url)
      const client = await registerOauthClient(origin)
      const { body } = await client.signIn(admin)
      const credential = { authorization: `Bearer ${body.access_token}` }
      const session = await openSession(`${origin}/mcp`, credential)
      const { message } = await session.request('tools/list')
      const tool = (message.result!.tools as { name: string }[])[0]!
      const reply = await session.call(tool.name)
      expect(reply.message.result, reply.text).toBeDefined()
      expect(performance.now() - began).toBeLessThan(PATIENCE_MS)

      const again = await openBrowser().open(gateway.url)
      expect(again.status, 'a setup link works once').toBeGreaterThanOrEqual(400)
    } finally {
      await gateway.stop()
      rmSync(dataDir, { recursive: true, force: true })
    }
  })
})
