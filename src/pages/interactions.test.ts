// Sign-in and consent in the middle of an authorization (C16, C21).
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { formsOf } from '../../test/fixtures/html-forms.ts'
import {
  type Gallery,
  openGallery,
  PASSWORD,
  sampleClients,
  sampleInteraction,
} from '../../test/fixtures/page-gallery.ts'
import { type Visitor, visitor } from '../../test/fixtures/page-visitor.ts'
import type { PendingClient } from '../grants/pending-authorization.ts'
import { days, hours } from '../kernel/time.ts'

let gallery: Gallery
let ana: Visitor
let anaId: string

beforeEach(async () => {
  gallery = await openGallery()
  anaId = (await gallery.addUser('ana', 'Ana Ribeiro')).id
  ana = visitor(gallery)
})
afterEach(() => gallery.close())

function pending(client: PendingClient, userId: string | null = anaId): string {
  const interaction = sampleInteraction(client, userId, gallery.core.clock.now() + days(30))
  gallery.state.interactions.set(interaction.uid, interaction)
  return interaction.uid
}
const consentOf = async (client: PendingClient) =>
  (await ana.get(`/consent/${pending(client)}`)).html
const csp = (headers: Headers) => headers.get('content-security-policy') ?? ''

describe('sign-in for a client', () => {
  test('a right password goes on with the request by itself', async () => {
    const uid = pending(sampleClients.verified!, null)
    const credentials = { login: 'ana', password: PASSWORD }
    const reply = await ana.submit(`/login/${uid}`, 'password', credentials)
    expect([reply.status, reply.location]).toEqual([303, `/consent/${uid}`])
    expect(gallery.asked).toEqual([['finishLogin', uid, anaId]])
    expect((await ana.get(reply.location!)).html).toContain('value="allow"')
  })

  test('a wrong one stays on the page of the request', async () => {
    const uid = pending(sampleClients.verified!, null)
    const wrong = { login: 'ana', password: 'wrong' }
    const reply = await ana.submit(`/login/${uid}`, 'password', wrong)
    expect(reply.status).toBe(401)
    expect(formsOf(reply.html)[0]?.action).toBe(`/login/${uid}`)
    expect(gallery.asked).toEqual([])
  })

  test('who is signed in already goes on without a form', async () => {
    await ana.signIn('ana', PASSWORD)
    const uid = pending(sampleClients.verified!, null)
    expect((await ana.get(`/login/${uid}`)).location).toBe(`/consent/${uid}`)
  })

  test('names the host that waits, and what it calls itself', async () => {
    const { html } = await ana.get(`/login/${pending(sampleClients.hostile!, null)}`)
    expect(html).toContain('127.0.0.1:33418')
    expect(html).toContain('U+202E')
    expect(html).not.toContain('<b>verified')
  })

  test('a request that is over says so, without a way to another site', async () => {
    const reply = await ana.get('/login/none')
    expect(reply.status).toBe(410)
    expect(reply.html).toContain('Start again in the program that brought you here.')
  })
})

describe('the consent page', () => {
  beforeEach(() => ana.signIn('ana', PASSWORD))

  test('opening it does nothing', async () => {
    const uid = pending(sampleClients.verified!)
    await ana.get(`/consent/${uid}?decision=allow&scope=mcp`)
    expect(gallery.asked).toEqual([])
  })

  test('shows host, name in quotation marks, account, resource and end', async () => {
    const html = await consentOf(sampleClients.verified!)
    expect(html).toContain('<p class="hostbig"><bdi>claude.ai</bdi></p>')
    expect(html).toContain('It calls itself “<bdi>Claude</bdi>”')
    expect(html).toContain('✓ Verified')
    expect(html).toContain('Ana Ribeiro')
    expect(html).toContain('https://mooring.fennwick.example/mcp')
    expect(html).toContain('in 30 days')
  })

  test('for a verified client allow is the primary act and what is optional is ticked', async () => {
    const html = await consentOf(sampleClients.verified!)
    expect(html).toMatch(/<button class="primary" name="decision" value="allow">/)
    expect(html).toMatch(/value="stripe:write" checked/)
    expect(html).not.toContain('note warn')
  })

  test.each(['unverified', 'hostile', 'app'])(
    'for one that is %s neither button is primary, and nothing optional is ticked',
    async (name) => {
      const html = await consentOf(sampleClients[name]!)
      expect(html).not.toContain('class="primary"')
      expect(html).toMatch(/value="stripe:write" aria/)
      expect(html).toMatch(/value="mcp" checked disabled/)
      expect(html).toContain('>Unverified<')
      expect(html).toContain('note warn')
    },
  )

  test('a verified name is no proof when the approval goes to this computer', async () => {
    const html = await consentOf({
      ...sampleClients.hostile!,
      name: 'Claude Code',
      verifiedHost: 'claude.ai',
    })
    expect(html).toContain('Mooring cannot tell which program this is.')
    expect(html).not.toContain('class="primary"')
  })

  test('a client that an admin added says so', async () => {
    expect(await consentOf(sampleClients.trusted!)).toContain('Added by admin')
  })

  test('names that imitate are pointed out', async () => {
    const cyrillic = await consentOf({ ...sampleClients.unverified!, name: 'Cl\u0430ude' })
    expect(cyrillic).toContain('mixes Latin and Cyrillic letters')
    expect(await consentOf(sampleClients.hostile!)).toContain('hides characters')
  })

  test('deny stands left of allow, and pressing Enter denies', async () => {
    const html = await consentOf(sampleClients.verified!)
    const main = /<form class="consent"[\s\S]*?<\/form>/.exec(html)![0]
    const own = [...main.matchAll(/<button(?![^>]* form=)[^>]*value="(\w+)"/g)].map((m) => m[1])
    expect(own).toEqual(['cancel', 'allow'])
  })

  test('allow carries the required scopes and those that are ticked, and nothing else', async () => {
    const uid = pending(sampleClients.unverified!)
    const reply = await ana.submit(`/consent/${uid}`, 'scope', {
      decision: 'allow',
      scope: ['stripe:write', 'admin:everything'],
    })
    expect(reply.location).toBe('https://tools.example.net/callback?code=abc')
    expect(gallery.asked).toEqual([['allow', uid, ['mcp', 'stripe:write']]])
  })

  test('what is unticked is not granted', async () => {
    const uid = pending(sampleClients.verified!)
    await ana.submit(`/consent/${uid}`, 'scope', { decision: 'allow', scope: [] })
    expect(gallery.asked).toEqual([['allow', uid, ['mcp']]])
  })

  test('nothing ticked at all is asked again, not granted', async () => {
    const uid = pending(sampleClients.verified!)
    const interaction = gallery.state.interactions.get(uid)!
    for (const scope of interaction.scopes) scope.required = false
    const reply = await ana.submit(`/consent/${uid}`, 'scope', { decision: 'allow', scope: [] })
    expect(reply.status).toBe(400)
    expect(reply.html).toContain('Tick at least one')
    expect(gallery.asked).toEqual([])
  })

  test('cancel tells the client', async () => {
    const uid = pending(sampleClients.verified!)
    const reply = await ana.submit(`/consent/${uid}`, 'scope', { decision: 'cancel' })
    expect(reply.location).toContain('error=access_denied')
  })

  test.each(['', 'yes', 'ALLOW'])('the decision %j is none', async (decision) => {
    const uid = pending(sampleClients.verified!)
    const reply = await ana.submit(`/consent/${uid}`, 'scope', { decision })
    expect(reply.status).toBe(400)
    expect(gallery.asked).toEqual([])
  })

  const switchPerson = async (uid: string) => {
    const { html } = await ana.get(`/consent/${uid}`)
    const change = formsOf(html).find((f) => f.values.some(([, v]) => v === 'switch'))!
    return ana.post(change.action, Object.fromEntries(change.values))
  }

  test('"not you?" signs out, and another person begins the same request anew', async () => {
    await gallery.addUser('ben', 'Ben')
    const uid = pending(sampleClients.verified!)
    const reply = await switchPerson(uid)
    expect([reply.status, reply.location]).toEqual([303, `/consent/${uid}`])
    expect(ana.cookies.has('mooring')).toBe(false)
    const credentials = { login: 'ben', password: PASSWORD }
    const other = await ana.submit(reply.location!, 'password', credentials)
    expect(other.location).toBe('/oauth/authorize?client_id=cli_1&state=s')
    expect(gallery.asked).toEqual([])
  })

  test('"not you?", and it was you after all: the same page again', async () => {
    const uid = pending(sampleClients.verified!)
    await switchPerson(uid)
    const credentials = { login: 'ana', password: PASSWORD }
    const reply = await ana.submit(`/consent/${uid}`, 'password', credentials)
    expect(reply.location).toBe(`/consent/${uid}`)
    expect((await ana.get(`/consent/${uid}`)).html).toContain('value="allow"')
  })

  test('a request that cannot begin anew says where to start', async () => {
    await gallery.addUser('ben', 'Ben')
    const uid = pending(sampleClients.verified!)
    delete gallery.state.interactions.get(uid)!.startAgain
    await switchPerson(uid)
    const credentials = { login: 'ben', password: PASSWORD }
    const reply = await ana.submit(`/consent/${uid}`, 'password', credentials)
    expect(reply.status).toBe(409)
    expect(reply.html).toContain('Start again in the program that brought you here.')
  })

  test('somebody else who is signed in by now cannot decide, but can begin anew as themselves', async () => {
    await gallery.addUser('ben', 'Ben')
    const uid = pending(sampleClients.verified!)
    const ben = visitor(gallery)
    await ben.signIn('ben', PASSWORD)
    const { html } = await ben.get(`/consent/${uid}`)
    expect(html).not.toContain('value="allow"')
    const forced = await ben.post(`/consent/${uid}`, { decision: 'allow' })
    expect(forced.status).toBe(401)
    const go = formsOf(html).find((f) => f.has('decision'))!
    const values = { ...Object.fromEntries(go.values), decision: 'continue' }
    expect((await ben.post(go.action, values)).location).toContain('/oauth/authorize?')
    expect(gallery.asked).toEqual([])
  })

  test('a session that ended while the page was open: sign in, and the request goes on', async () => {
    const uid = pending(sampleClients.verified!)
    const { html } = await ana.get(`/consent/${uid}`)
    gallery.core.clock.advance(hours(9))
    const form = formsOf(html).find((f) => f.has('scope'))!
    const late = await ana.post(form.action, {
      ...Object.fromEntries(form.values),
      decision: 'allow',
    })
    expect(late.status).toBe(401)
    expect(late.html).toContain('You were signed out before you decided')
    const again = formsOf(late.html).find((f) => f.has('password'))!
    const reply = await ana.post(again.action, {
      ...Object.fromEntries(again.values),
      login: 'ana',
      password: PASSWORD,
    })
    expect(reply.location).toBe(`/consent/${uid}`)
    await ana.submit(`/consent/${uid}`, 'scope', { decision: 'allow' })
    expect(gallery.asked).toEqual([['allow', uid, ['mcp', 'stripe:write']]])
  })
})

describe('the headers of both pages', () => {
  test.each([
    ['https://claude.ai/api/mcp/auth_callback', 'https://claude.ai https://claude.com'],
    ['https://tools.example.net:8443/cb', 'https://tools.example.net:8443'],
    ['http://127.0.0.1:33418/cb', 'http://127.0.0.1:33418'],
    ['http://[::1]:33418/cb', 'http:'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor:'],
    ['com.example.app:/cb', 'com.example.app:'],
  ])('let a form end at %s and nowhere else', async (redirectUri, target) => {
    const client = { ...sampleClients.unverified!, redirectUri }
    const login = await ana.get(`/login/${pending(client, null)}`)
    expect(csp(login.headers)).toContain(`form-action 'self' ${target};`)
    await ana.signIn('ana', PASSWORD)
    const consent = await ana.get(`/consent/${pending(client)}`)
    expect(csp(consent.headers)).toContain(`form-action 'self' ${target};`)
  })

  test('a hostile redirect address cannot add to the policy', async () => {
    const redirectUri = "https://x.example/; script-src 'unsafe-inline'"
    const reply = await ana.get(
      `/login/${pending({ ...sampleClients.unverified!, redirectUri }, null)}`,
    )
    expect(csp(reply.headers)).not.toContain('script-src')
  })

  test('refuse framing, sniffing and storing, and let a window of the client come back', async () => {
    const { headers } = await ana.get(`/login/${pending(sampleClients.verified!, null)}`)
    expect(csp(headers)).toMatch(/^default-src 'none'; style-src 'self'; img-src 'self';/)
    expect(csp(headers)).toContain("frame-ancestors 'none'; base-uri 'none'")
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('cross-origin-opener-policy')).toBe('unsafe-none')
  })
})
