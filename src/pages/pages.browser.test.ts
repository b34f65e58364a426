// Every page in Chromium: nothing on the console, nothing refused by the policy, no sideways scrolling, every field
// labelled, hostile text harmless, and the main paths walked by mouse and by keyboard.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  addSampleGrants,
  PASSWORD,
  sampleClients,
  sampleInteraction,
  sampleServers,
  serveGallery,
} from '../../test/fixtures/page-gallery.ts'
import { launch, signIn, walk } from '../../test/fixtures/page-pictures.ts'
import type { PendingClient } from '../grants/pending-authorization.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const phone = { width: 360, height: 740 }
const wide = { width: 1280, height: 800 }

/** Collects whatever a page complains about. */
function complaintsOf(page: Page): string[] {
  const found: string[] = []
  page.on('console', (message) => {
    // A page that answers 4xx on purpose is reported by the browser as a failed load; that is not a complaint.
    if (['error', 'warning'].includes(message.type()) && !/status of 4\d\d/.test(message.text()))
      found.push(message.text())
  })
  page.on('pageerror', (error) => found.push(error.message))
  page.on('dialog', (dialog) => {
    found.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    if (!/^(http:\/\/127\.0\.0\.1|data:)/.test(request.url())) found.push(request.url())
  })
  return found
}

/** Runs in the page: what is wrong with its form and structure. */
const FAULTS = `(() => {
  const faults = []
  const root = document.documentElement
  if (root.scrollWidth > root.clientWidth) faults.push('scrolls sideways: ' + root.scrollWidth)
  for (const field of document.querySelectorAll('input:not([type=hidden]), select'))
    if (!field.labels.length) faults.push('no label: ' + field.name)
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id)
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push('id twice: ' + id)
  for (const e of document.querySelectorAll('[aria-describedby], [aria-labelledby]'))
    for (const id of (e.getAttribute('aria-describedby') ?? e.getAttribute('aria-labelledby')).split(' '))
      if (!document.getElementById(id)) faults.push('points nowhere: ' + id)
  for (const e of document.querySelectorAll('button, a'))
    if (!e.textContent.trim()) faults.push('unnamed: ' + e.outerHTML)
  for (const e of document.querySelectorAll('button, a.button, select')) {
    const { width, height } = e.getBoundingClientRect()
    if (width < 24 || height < 24) faults.push('too small: ' + e.outerHTML)
  }
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1')
  if (document.querySelectorAll('.primary').length > 1) faults.push('more than one primary act')
  if (document.querySelector('script, iframe, object, embed, [style], style')) faults.push('active content')
  for (const e of document.querySelectorAll('*'))
    for (const { name } of e.attributes) if (name.startsWith('on')) faults.push(name)
  return faults
})()`

for (const [size, viewport] of [
  ['phone', phone],
  ['wide', wide],
] as const)
  for (const colorScheme of ['light', 'dark'] as const)
    test(`every page holds together: ${size}, ${colorScheme}`, { timeout: 120_000 }, async () => {
      const gallery = await serveGallery()
      const page = await browser.newPage({ viewport, colorScheme })
      const complaints = complaintsOf(page)
      const seen: string[] = []
      await walk(gallery, page, async (name, shown) => {
        seen.push(name)
        expect([name, await shown.evaluate(FAULTS)]).toEqual([name, []])
        expect([name, await shown.evaluate(LOW_CONTRAST)]).toEqual([name, []])
      })
      expect(complaints).toEqual([])
      expect(seen.length).toBeGreaterThan(25)
      await page.close()
      await gallery.close()
    })

/** Runs in the page: texts whose colour is under 4.5 to 1 against the nearest ground that is painted. */
const LOW_CONTRAST = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data]
  }
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor)
      if (color[3] === 255) return color
    }
    return [255, 255, 255, 255]
  }
  const low = []
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x)
    const ratio = (a + 0.05) / (b + 0.05)
    if (ratio < 4.5) low.push(e.className + ' ' + e.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2))
  }
  return low
})()`

const payloads = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  '</title><script>alert(1)</script>',
  '{{constructor.constructor("alert(1)")()}}',
  `\${alert(1)}`,
  'javascript:alert(1)',
  '\u202e\u2066gnp.exe\u2069',
  `Z${'\u0335\u0336'.repeat(200)}`,
  'W'.repeat(10_000),
  '\u0000\u001b[31m\u0007',
  '&lt;b&gt;&#x3c;',
  '<style>*{display:none}</style>',
  '<meta http-equiv=refresh content=0;url=https://evil.example>',
  '<base href=https://evil.example>',
  '<form action=https://evil.example><button>',
]

test('hostile text is harmless in every place that shows it', { timeout: 120_000 }, async () => {
  const gallery = await serveGallery()
  const { id } = await gallery.addUser('ana', 'Ana Ribeiro', 'admin')
  await addSampleGrants(gallery, id)
  const page = await browser.newPage({ viewport: phone })
  const complaints = complaintsOf(page)
  await signIn(page, gallery.url, 'ana')
  for (const payload of payloads) {
    await gallery.core.store.transaction(async ({ db }) => {
      await db.updateTable('grants').set({ client_name: payload, client_host: payload }).execute()
      await db.updateTable('users').set({ name: payload }).execute()
    })
    const error = { message: payload, remedy: payload }
    gallery.state.servers = [{ ...sampleServers[0]!, name: payload, where: payload, error }]
    const client: PendingClient = {
      ...sampleClients.unverified!,
      name: payload,
      redirectHost: payload,
      verifiedHost: payload,
    }
    const pending = sampleInteraction(client, id, null)
    pending.resource = payload
    pending.scopes = [{ name: payload, title: payload, description: payload, required: false }]
    gallery.state.interactions.set(pending.uid, pending)
    for (const path of [
      '/?watch=off',
      `/consent/${pending.uid}`,
      '/connections/grt_sample0/revoke',
    ]) {
      await page.goto(gallery.url + path)
      expect([payload.slice(0, 20), path, await page.evaluate(FAULTS)]).toEqual([
        payload.slice(0, 20),
        path,
        [],
      ])
      expect(page.url()).toBe(gallery.url + path)
    }
    gallery.state.interactions.set(pending.uid, { ...pending, userId: 'usr_other' })
    await page.goto(`${gallery.url}/consent/${pending.uid}`)
    expect(await page.evaluate(FAULTS)).toEqual([])
    await page.goto(`${gallery.url}/login?next=${encodeURIComponent(payload)}`)
    expect(new URL(page.url()).origin).toBe(gallery.url)
  }
  expect(complaints).toEqual([])
  await page.close()
  await gallery.close()
})

describe('in a real browser', () => {
  const withPage = async (
    run: (page: Page, gallery: Awaited<ReturnType<typeof serveGallery>>) => Promise<void>,
    viewport = wide,
  ) => {
    const gallery = await serveGallery()
    const context = await browser.newContext({ viewport })
    const page = await context.newPage()
    try {
      await run(page, gallery)
    } finally {
      await context.close()
      await gallery.close()
    }
  }

  test('the policy lets the decision end at the client, and the form is accepted', () =>
    withPage(async (page, gallery) => {
      const { id } = await gallery.addUser('ana', 'Ana Ribeiro')
      const client = { ...sampleClients.hostile!, redirectUri: `http://localhost:1/callback` }
      const pending = sampleInteraction(client, id, null)
      gallery.state.interactions.set(pending.uid, pending)
      await signIn(page, gallery.url, 'ana')
      await page.goto(`${gallery.url}/consent/${pending.uid}`)
      const left = page.waitForRequest('http://localhost:1/callback?code=abc')
      await page.click('button[value=allow]')
      await left
      expect(gallery.asked).toEqual([['allow', pending.uid, ['mcp']]])
    }))

  test('a decision that would end anywhere else is stopped by the policy', () =>
    withPage(async (page, gallery) => {
      const { id } = await gallery.addUser('ana', 'Ana Ribeiro')
      const pending = sampleInteraction(sampleClients.hostile!, id, null)
      gallery.state.interactions.set(pending.uid, pending)
      gallery.deps.interactions.allow = async () => 'http://localhost:1/stolen'
      await signIn(page, gallery.url, 'ana')
      await page.goto(`${gallery.url}/consent/${pending.uid}`)
      const refused = page.waitForEvent('console', (m) => /form-action/.test(m.text()))
      await page.click('button[value=allow]', { noWaitAfter: true })
      await refused
    }))

  test('a page of another site can neither frame a page nor post a form', () =>
    withPage(async (page, gallery) => {
      await gallery.addUser('ana', 'Ana Ribeiro')
      await signIn(page, gallery.url, 'ana')
      const evil = gallery.url.replace('127.0.0.1', 'localhost')
      await page.route(`${evil}/evil`, (route) =>
        route.fulfill({
          contentType: 'text/html',
          body: `<iframe src="${gallery.url}/keys/new"></iframe><form method=post action="${gallery.url}/keys/new"><input name=name value=x><input name=lifetime value=never><button>go</button></form>`,
        }),
      )
      await page.goto(`${evil}/evil`)
      const frame = page.frames()[1]!
      await frame.waitForLoadState().catch(() => undefined)
      expect(await frame.content().catch(() => '')).not.toContain('form_token')
      const [reply] = await Promise.all([
        page.waitForResponse(
          (r) => r.url() === `${gallery.url}/keys/new` && r.request().method() === 'POST',
        ),
        page.click('button'),
      ])
      // The session cookie is not sent with a foreign form, so nobody is signed in; were it sent, the origin refuses.
      expect([303, 403]).toContain(reply.status())
      expect(await gallery.core.store.db.selectFrom('api_keys').selectAll().execute()).toEqual([])
    }))

  test('the keyboard alone signs in, and Enter in the consent form does not allow', () =>
    withPage(async (page, gallery) => {
      const { id } = await gallery.addUser('ana', 'Ana Ribeiro')
      await page.goto(`${gallery.url}/login`)
      // The first field has the focus from the start, which is a frame after the page is there.
      await page.waitForSelector('input[name=login]:focus')
      await page.keyboard.type('ana')
      await page.keyboard.press('Tab')
      await page.keyboard.type(PASSWORD)
      await page.keyboard.press('Enter')
      await page.waitForURL(`${gallery.url}/`)
      const pending = sampleInteraction(sampleClients.unverified!, id, null)
      gallery.state.interactions.set(pending.uid, pending)
      await page.goto(`${gallery.url}/consent/${pending.uid}`)
      const left = page.waitForRequest('https://tools.example.net/callback?error=access_denied')
      await page.focus('#scope-1')
      await page.keyboard.press('Enter')
      await left
      expect(gallery.asked).toEqual([['cancel', pending.uid]])
    }))

  test('on a phone the decision stays in sight, with both buttons equal in size', () =>
    withPage(async (page, gallery) => {
      const { id } = await gallery.addUser('ana', 'Ana Ribeiro')
      const pending = sampleInteraction(sampleClients.unverified!, id, null)
      pending.scopes = Array.from({ length: 12 }, (_, index) => ({
        ...pending.scopes[1]!,
        name: `s${index}:write`,
      }))
      gallery.state.interactions.set(pending.uid, pending)
      await signIn(page, gallery.url, 'ana')
      await page.goto(`${gallery.url}/consent/${pending.uid}`)
      const [cancel, allow] = await Promise.all(
        ['cancel', 'allow'].map((value) => page.locator(`button[value=${value}]`).boundingBox()),
      )
      expect(cancel!.y + cancel!.height).toBeLessThanOrEqual(phone.height)
      expect([cancel!.width, cancel!.height]).toEqual([allow!.width, allow!.height])
      expect(cancel!.x).toBeLessThan(allow!.x)
      expect(cancel!.height).toBeGreaterThanOrEqual(44)
    }, phone))

  test('the start page turns a card green by itself when the first call has come', () =>
    withPage(async (page, gallery) => {
      const { id } = await gallery.addUser('ana', 'Ana Ribeiro')
      await addSampleGrants(gallery, id)
      const set = (first: number | null) =>
        gallery.core.store.transaction(({ db }) =>
          db.updateTable('grants').set({ first_used_at: first }).execute(),
        )
      await set(null)
      await signIn(page, gallery.url, 'ana')
      expect(await page.locator('.card.lit').count()).toBe(0)
      await set(gallery.core.clock.now())
      await page.waitForSelector('#claude-code.lit', { timeout: 15_000 })
      expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(0)
    }))

  test('without motion when the person asked for none', () =>
    withPage(async (page, gallery) => {
      await page.emulateMedia({ reducedMotion: 'reduce' })
      await page.goto(`${gallery.url}/login`)
      const moved = "getComputedStyle(document.querySelector('button')).transitionDuration"
      expect(await page.evaluate(moved)).toBe('0s')
    }))
})
