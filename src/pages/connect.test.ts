// The start page and its small forms: what it says about the address (C23), when a card turns green (C22), who may do what.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  addSampleGrants,
  type Gallery,
  openGallery,
  PASSWORD,
  sampleServers,
} from '../../test/fixtures/page-gallery.ts'
import { type Visit, type Visitor, visitor } from '../../test/fixtures/page-visitor.ts'
import { AppError } from '../kernel/app-error.ts'
import { days } from '../kernel/time.ts'
import type { PublicUrlSource } from './deps.ts'
import { renderMessage } from './message.ts'

let gallery: Gallery
let admin: Visitor
let adminId: string

beforeEach(async () => {
  gallery = await openGallery()
  adminId = (await gallery.addUser('tomas', 'Tomas Lindqvist', 'admin')).id
  admin = visitor(gallery)
  await admin.signIn('tomas', PASSWORD)
})
afterEach(() => gallery.close())

const member = async () => {
  await gallery.addUser('ana', 'Ana Ribeiro')
  const ana = visitor(gallery)
  await ana.signIn('ana', PASSWORD)
  return ana
}
const at = (url: string, source: PublicUrlSource = 'setting') => {
  gallery.state.publicUrl = { url, source }
}
const card = ({ html }: Visit, id: string) =>
  new RegExp(`<article [^>]*id="${id}">[\\s\\S]*?</article>`).exec(html)![0]
const refreshes = ({ html }: Visit) => html.includes('http-equiv="refresh" content="5"')
const grants = () => addSampleGrants(gallery, adminId)
const use = (id: string, set: Record<string, number>) =>
  gallery.core.store.transaction(({ db }) =>
    db.updateTable('grants').set(set).where('id', '=', id).execute(),
  )

describe('the address', () => {
  test('is shown with the steps for every client program', async () => {
    const page = await admin.get('/')
    expect(page.html).toContain('https://mooring.fennwick.example<wbr>/mcp')
    expect(card(page, 'claude')).toContain('https://claude.ai/customize/connectors?modal=')
    expect(card(page, 'claude-code')).toContain('claude mcp add --transport http mooring https://')
    expect(card(page, 'cursor')).toContain('href="cursor://anysphere.cursor-deeplink/mcp/install?')
    expect(card(page, 'vscode')).toContain('href="vscode:mcp/install?')
    expect(card(page, 'codex')).toContain('codex mcp login mooring')
    for (const file of ['Library/Application Support', '%APPDATA%', '~/.config/Claude'])
      expect(card(page, 'claude-desktop')).toContain(file)
  })

  test.each([
    ['http://127.0.0.1:8420', 'default', 'exists only on this computer'],
    ['https://gateway.fennwick.lan', 'file', 'is known only in your network'],
    ['http://gateway.fennwick.example', 'env', 'plain http'],
  ] as const)(
    '%s: says before anyone tries what cannot work, and first what does',
    async (url, source, why) => {
      at(url, source)
      const page = await admin.get('/')
      expect(page.html).toContain(why)
      expect(page.html.indexOf('Works now')).toBeLessThan(page.html.indexOf('Open a tunnel'))
      expect(card(page, 'claude')).toContain('Cannot reach this address')
      expect(card(page, 'claude')).not.toContain('claude.ai/customize')
      expect(card(page, 'claude-code')).toContain(`${url}/mcp`)
    },
  )

  test('a public https address has no warning', async () => {
    expect((await admin.get('/')).html).not.toContain('note warn')
  })
})

describe('a card', () => {
  test('is green only after a real call, not after the sign-in alone', async () => {
    await grants()
    const before = await admin.get('/')
    expect(card(before, 'claude-code')).toContain('Signed in, no call yet')
    expect(card(before, 'claude-code')).not.toContain('lit')
    expect(card(before, 'vscode')).toContain('not yet')
    await use('grt_sample1', { first_used_at: gallery.core.clock.now(), calls: 1 })
    const after = await admin.get('/')
    expect(card(after, 'claude-code')).toContain('panel card lit')
    expect(card(after, 'claude-code')).toContain('✓ Connected')
    expect(card(after, 'claude-code')).toContain('1 call so far')
  })

  test('of an unknown client is "any other", and so is a key once it is used', async () => {
    const { id } = await gallery.deps.keys.create(
      { actor: { type: 'user', id: adminId, name: 'tomas' }, origin: { contextId: 'req_1' } },
      { userLogin: 'tomas', name: 'nightly report', ttlMs: days(1) },
    )
    expect(card(await admin.get('/'), 'other')).toContain('not yet')
    await gallery.core.store.transaction(({ db }) =>
      db.updateTable('api_keys').set({ first_used_at: 1 }).where('id', '=', id).execute(),
    )
    expect(card(await admin.get('/'), 'other')).toContain('✓ Connected')
  })

  test('shows nothing of other people', async () => {
    await grants()
    const ana = await member()
    const page = await ana.get('/')
    expect(card(page, 'claude')).toContain('not yet')
    expect(page.html).not.toContain('grt_sample0')
  })
})

describe('looking again by itself', () => {
  test('happens until the first call, and can be stopped', async () => {
    expect(refreshes(await admin.get('/'))).toBe(true)
    const stopped = await admin.get('/?watch=off')
    expect(refreshes(stopped)).toBe(false)
    expect(stopped.html).toContain('href="/?watch=on"')
  })

  test('ends with the first call, and can be started again', async () => {
    await grants()
    expect(refreshes(await admin.get('/'))).toBe(false)
    expect(refreshes(await admin.get('/?watch=on'))).toBe(true)
  })

  test('never happens where a form is open', async () => {
    for (const path of ['/keys/new', '/settings/public-url', '/login'])
      expect(refreshes(await admin.get(path))).toBe(false)
  })
})

describe('servers', () => {
  test('none: an admin adds the demo server with one press', async () => {
    const page = await admin.get('/')
    const action = /<form method="post" action="\/servers\/demo">.*?value="([^"]+)"/.exec(
      page.html,
    )!
    const reply = await admin.post('/servers/demo', { form_token: action[1]! })
    expect([reply.status, reply.location]).toEqual([303, '/'])
    expect(gallery.asked).toEqual([['addDemo', 'tomas']])
    expect((await admin.get('/')).html).toContain('✓ 4 tools')
  })

  test('none: others are told who can', async () => {
    const ana = await member()
    expect((await ana.get('/')).html).toContain('An admin of this gateway can add one.')
    expect((await ana.post('/servers/demo', {})).status).toBe(403)
    expect(gallery.asked).toEqual([])
  })

  test('are listed with permit, tools found, or the error with its remedy', async () => {
    gallery.state.servers = sampleServers
    const { html } = await admin.get('/')
    expect(html).toContain('read-only tools run, others ask first')
    expect(html).toContain('✓ 23 tools')
    expect(html).toContain('1 hidden')
    expect(html).toContain('with code 127')
    expect(html).toContain('<code>mooring servers test notes</code>')
    expect(html).toContain('27 tools; 1 of 3 servers does not answer')
  })
})

describe('connections and keys', () => {
  test('revoking asks first and says the consequence', async () => {
    await grants()
    const page = await admin.get('/connections/grt_sample0/revoke')
    expect(page.html).toContain('Revoke <bdi>Claude</bdi>?')
    expect(page.html).toContain('next request will be refused')
  })

  test('a revoked connection is gone from the list', async () => {
    await grants()
    const path = '/connections/grt_sample0/revoke'
    const { html } = await admin.get(path)
    const token = [...html.matchAll(/name="form_token" value="([^"]+)"/g)].at(-1)![1]!
    expect((await admin.post(path, { form_token: token })).location).toBe('/')
    expect((await admin.get('/')).html).not.toContain('grt_sample0')
    expect((await admin.get(path)).status).toBe(404)
    const row = await gallery.core.store.db
      .selectFrom('grants')
      .selectAll()
      .where('id', '=', 'grt_sample0')
      .executeTakeFirstOrThrow()
    expect(row.revoked_reason).toBe('revoked by its user')
  })

  test('nobody can revoke what is another’s, even with the right id', async () => {
    await grants()
    const ana = await member()
    expect((await ana.get('/connections/grt_sample0/revoke')).status).toBe(404)
    expect((await ana.post('/connections/grt_sample0/revoke', {})).status).toBe(404)
  })

  test('ended ones are left out', async () => {
    await grants()
    await use('grt_sample2', { expires_at: gallery.core.clock.now() })
    const { html } = await admin.get('/')
    expect(html).toContain('grt_sample1')
    expect(html).not.toContain('grt_sample2')
  })

  test('a key is shown once, works as it is shown, and is stored as a digest only', async () => {
    const reply = await admin.submit('/keys/new', 'lifetime', { name: 'nightly', lifetime: '30d' })
    const key = /mk_[\w-]+/.exec(reply.html)![0]
    expect(reply.headers.get('cache-control')).toBe('no-store')
    expect(reply.html).toContain(`Authorization: Bearer ${key}`)
    const list = await admin.get('/')
    expect(list.html).toContain('nightly')
    expect(list.html).not.toContain(key)
    const rows = await gallery.core.store.db.selectFrom('api_keys').selectAll().execute()
    expect(rows).toHaveLength(1)
    expect(rows[0]!.expires_at).toBe(gallery.core.clock.now() + days(30))
    expect(JSON.stringify(rows)).not.toContain(key)
  })

  test('a key until revoked has no end', async () => {
    await admin.submit('/keys/new', 'lifetime', { name: 'robot', lifetime: 'never' })
    expect((await admin.get('/')).html).toContain('never ends')
  })

  test.each([
    [{ name: '', lifetime: '1h' }, '1 to 100 characters'],
    [{ name: 'x'.repeat(101), lifetime: '1h' }, '1 to 100 characters'],
    [{ name: 'x', lifetime: '900y' }, 'Choose one of the lifetimes'],
  ])('a mistake keeps what was typed and makes no key: %j', async (typed, why) => {
    const reply = await admin.submit('/keys/new', 'lifetime', typed)
    expect(reply.status).toBe(400)
    expect(reply.html).toContain(why)
    expect(reply.html).toContain(`value="${typed.name}"`)
    expect(await gallery.core.store.db.selectFrom('api_keys').selectAll().execute()).toEqual([])
  })

  test('revoking a key asks first as well', async () => {
    await admin.submit('/keys/new', 'lifetime', { name: 'nightly', lifetime: '1d' })
    const { html } = await admin.get('/')
    const path = /\/keys\/key_\w+\/revoke/.exec(html)![0]
    const page = await admin.get(path)
    expect(page.html).toContain('Revoke the key <bdi>nightly</bdi>?')
    const token = [...page.html.matchAll(/name="form_token" value="([^"]+)"/g)].at(-1)![1]!
    await admin.post(path, { form_token: token })
    expect((await admin.get('/')).html).not.toContain(path)
  })
})

describe('the public address', () => {
  const path = '/settings/public-url'
  const change = (fields: Record<string, string>) => admin.submit(path, 'url', fields)

  test('says how many connections end before anything changes, then changes it', async () => {
    at('http://127.0.0.1:8420', 'default')
    const asking = await change({ url: 'https://mooring.fennwick.example/' })
    expect(asking.status).toBe(200)
    expect(asking.html).toContain('3 connections end with the next request')
    expect(asking.headers.get('content-security-policy')).toContain(
      "form-action 'self' https://mooring.fennwick.example;",
    )
    expect(gallery.asked).toEqual([])
    const token = [...asking.html.matchAll(/name="form_token" value="([^"]+)"/g)].at(-1)![1]!
    const url = 'https://mooring.fennwick.example'
    const done = await admin.post(path, { form_token: token, url, confirm: 'yes' })
    expect(done.location).toBe('https://mooring.fennwick.example/')
    expect(gallery.asked).toEqual([['setPublicUrl', 'tomas', url]])
  })

  test('a confirmation is good for the address it was given for', async () => {
    at('http://127.0.0.1:8420', 'default')
    const asking = await change({ url: 'https://mooring.fennwick.example' })
    const token = [...asking.html.matchAll(/name="form_token" value="([^"]+)"/g)].at(-1)![1]!
    const url = 'https://evil.example'
    const reply = await admin.post(path, { form_token: token, url, confirm: 'yes' })
    expect(reply.status).toBe(403)
    expect(gallery.asked).toEqual([])
  })

  test('a wrong one stays on the form with the rule', async () => {
    at('http://127.0.0.1:8420', 'default')
    const reply = await change({ url: 'https://mooring.fennwick.example/path' })
    expect(reply.status).toBe(400)
    expect(reply.html).toContain('value="https://mooring.fennwick.example/path"')
    expect(reply.html).toContain('Give scheme and host only')
  })

  test.each([
    ['flag', 'set by the flag --public-url'],
    ['env', 'set by the environment variable MOORING_PUBLIC_URL'],
    ['file', 'set by the configuration file'],
  ] as const)(
    'set by %s it is read-only and says so, also against a forged form',
    async (source, words) => {
      at('http://127.0.0.1:8420', 'setting')
      const { html } = await admin.get(path)
      const token = [...html.matchAll(/name="form_token" value="([^"]+)"/g)].at(-1)![1]!
      at('http://127.0.0.1:8420', source)
      const page = await admin.get(path)
      expect(page.html).toContain(words)
      expect(page.html).not.toContain('name="url"')
      const forged = await admin.post(path, { form_token: token, url: 'https://a.example' })
      expect(forged.status).toBe(409)
      expect((await admin.get('/')).html).toContain(words)
    },
  )

  test('is for admins only', async () => {
    const ana = await member()
    expect((await ana.get(path)).status).toBe(403)
    expect((await ana.post(path, { url: 'https://a.example' })).status).toBe(403)
    expect((await ana.get('/')).html).not.toContain(`href="${path}"`)
  })
})

describe('a failure', () => {
  test('of ours is a page with a request id, and tells nothing else', async () => {
    gallery.deps.servers.list = () => Promise.reject(new Error('secret table missing'))
    const reply = await admin.get('/')
    expect(reply.status).toBe(500)
    expect(reply.html).toContain('req_gallery')
    expect(reply.html).not.toContain('secret table')
  })

  test('with a code is a page with its message and remedy', async () => {
    gallery.deps.servers.list = () =>
      Promise.reject(
        new AppError('storage_unavailable', 'The store is <gone>.', { remedy: 'Wait.' }),
      )
    const reply = await admin.get('/')
    expect(reply.status).toBe(503)
    expect(reply.html).toContain('The store is &lt;gone&gt;.')
    expect(reply.html).toContain('Wait.')
  })

  test('of OAuth can be shown as a page that a client may have opened', async () => {
    const reply = await renderMessage({
      status: 400,
      title: 'invalid_request',
      what: 'redirect_uri <script>alert(1)</script> is not registered.',
      why: 'It has to be the same, letter by letter.',
      remedy: 'Remove the connector in Claude and add it again.',
      openedByClient: true,
    })
    const html = await reply.text()
    expect(reply.status).toBe(400)
    expect(html).not.toContain('<script>')
    expect(html).toContain('letter by letter')
    expect(reply.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })
})

test('the stylesheet may be kept for good; pages may not be kept at all', async () => {
  const { html } = await admin.get('/')
  const css = await admin.get(/\/assets\/pages-[0-9a-f]{12}\.css/.exec(html)![0])
  expect(css.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  expect(css.headers.get('content-type')).toBe('text/css; charset=utf-8')
  const icon = await admin.get(/\/assets\/mark-[0-9a-f]{12}\.svg/.exec(html)![0])
  expect(icon.headers.get('content-type')).toBe('image/svg+xml')
  expect((await admin.get('/')).headers.get('cache-control')).toBe('no-store')
})
