import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Gallery, openGallery, PASSWORD } from '../../test/fixtures/page-gallery.ts'
import { type Visitor, visitor } from '../../test/fixtures/page-visitor.ts'
import { minutes } from '../kernel/time.ts'

let gallery: Gallery
let first: Visitor

beforeEach(async () => {
  gallery = await openGallery()
  first = visitor(gallery)
})
afterEach(() => gallery.close())

const form = { name: 'Tomas Lindqvist', login: 'tomas', password: PASSWORD }

test('the token moves from the address into a cookie of this browser', async () => {
  const { token } = await gallery.setupLink()
  const reply = await first.get(`/setup?token=${token}`)
  expect([reply.status, reply.location]).toEqual([303, '/setup'])
  expect(reply.headers.get('referrer-policy')).toBe('no-referrer')
  expect(first.setCookies.find((line) => line.startsWith('mooring-setup='))).toMatch(
    /Max-Age=900; Path=\/; HttpOnly; SameSite=Lax/,
  )
  const page = await first.get('/setup')
  expect(page.html).not.toContain(token)
  expect(page.html).toContain('12 characters at least')
})

test('opening the page, however often, uses nothing up', async () => {
  const { token } = await gallery.setupLink()
  await first.get(`/setup?token=${token}`)
  await first.get('/setup')
  await visitor(gallery).get(`/setup?token=${token}`)
  expect((await first.submit('/setup', 'password', form)).status).toBe(303)
})

test('the form makes the admin, signs in and leads to the start page', async () => {
  const { token } = await gallery.setupLink()
  await first.get(`/setup?token=${token}`)
  const reply = await first.submit('/setup', 'password', form)
  expect([reply.status, reply.location]).toEqual([303, '/'])
  expect(first.cookies.has('mooring-setup')).toBe(false)
  const start = await first.get('/')
  expect(start.html).toContain('Tomas Lindqvist')
  expect(start.html).toContain('>admin<')
  expect((await visitor(gallery).signIn('tomas', PASSWORD)).status).toBe(303)
})

test('a name is not needed', async () => {
  const { token } = await gallery.setupLink()
  await first.get(`/setup?token=${token}`)
  expect((await first.submit('/setup', 'password', { ...form, name: ' ' })).status).toBe(303)
})

test('a script may post to the address of the link itself', async () => {
  const { token } = await gallery.setupLink()
  await first.get(`/setup?token=${token}`)
  const { html } = await first.get('/setup')
  first.cookies.delete('mooring-setup')
  const formToken = /name="form_token" value="([^"]+)"/.exec(html)![1]!
  const reply = await first.post(`/setup?token=${token}`, { ...form, form_token: formToken })
  expect(reply.status).toBe(303)
})

test('each mistake stands at its field; what was typed stays, the password does not', async () => {
  const { token } = await gallery.setupLink()
  await first.get(`/setup?token=${token}`)
  const reply = await first.submit('/setup', 'password', {
    name: 'Tomas "T" <Lindqvist>',
    login: 'to\u200bmas',
    password: 'too-short',
  })
  expect(reply.status).toBe(400)
  expect(reply.html).toContain('value="Tomas &quot;T&quot; &lt;Lindqvist&gt;"')
  expect(reply.html).toMatch(/id="login"[^>]*aria-describedby="login-error"[^>]*aria-invalid=true/)
  expect(reply.html).toMatch(/id="login-error">[^<]*invisible character/)
  expect(reply.html).toMatch(/id="password-error">[^<]*12 characters/)
  expect(reply.html).not.toContain('too-short')
  expect((await first.submit('/setup', 'password', form)).status).toBe(303)
})

test('a rule that only the store knows is shown above the form', async () => {
  const { token } = await gallery.setupLink()
  await first.get(`/setup?token=${token}`)
  const reply = await first.submit('/setup', 'password', { ...form, name: 'a\u202eb' })
  expect(reply.status).toBe(400)
  expect(reply.html).toContain('role="alert"')
})

test.each(['never-given-out', '', '../../x'])(
  'a wrong token %j says how to get a good one',
  async (token) => {
    const reply = await first.get(`/setup?token=${encodeURIComponent(token)}`)
    expect(reply.status).toBe(410)
    expect(reply.html).toContain('<code>mooring users recover</code>')
    expect(reply.html).toContain('<code>mooring serve</code>')
  },
)

test('no token at all is explained as well', async () => {
  const reply = await first.get('/setup')
  expect(reply.status).toBe(400)
  expect(reply.html).toContain('?token=')
})

test('an expired link is refused when it is opened and when the form is sent', async () => {
  const { token } = await gallery.setupLink()
  await first.get(`/setup?token=${token}`)
  const { html } = await first.get('/setup')
  gallery.core.clock.advance(minutes(16))
  expect((await visitor(gallery).get(`/setup?token=${token}`)).status).toBe(410)
  const formToken = /name="form_token" value="([^"]+)"/.exec(html)![1]!
  const reply = await first.post('/setup', { ...form, form_token: formToken })
  expect(reply.status).toBe(410)
  expect(reply.html).toContain('has expired')
})

test('a used link, and any link once there is an admin, leads to sign-in', async () => {
  const { token } = await gallery.setupLink()
  await first.get(`/setup?token=${token}`)
  await first.submit('/setup', 'password', form)
  const reply = await visitor(gallery).get(`/setup?token=${token}`)
  expect(reply.status).toBe(409)
  expect(reply.html).toContain('href="/login"')
})
