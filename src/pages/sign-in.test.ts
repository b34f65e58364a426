import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Gallery, openGallery, PASSWORD } from '../../test/fixtures/page-gallery.ts'
import { type Visitor, visitor } from '../../test/fixtures/page-visitor.ts'
import { minutes } from '../kernel/time.ts'
import { systemActor } from '../logs/event.ts'
import { disableUser } from '../people/users.ts'

let gallery: Gallery
let ana: Visitor

beforeEach(async () => {
  gallery = await openGallery()
  await gallery.addUser('ana', 'Ana Ribeiro')
  ana = visitor(gallery)
})
afterEach(() => gallery.close())

const sessionCookie = () =>
  ana.setCookies.find((line) => /^(__Host-)?mooring=[\w-]{43};/.test(line))

test('a right password signs in and goes to the start page', async () => {
  const reply = await ana.signIn('ana', PASSWORD)
  expect([reply.status, reply.location]).toEqual([303, '/'])
  expect((await ana.get('/')).html).toContain('Ana Ribeiro')
})

test('on plain http the session cookie is closed to scripts and to other sites', async () => {
  await ana.signIn('ana', PASSWORD)
  expect(sessionCookie()).toMatch(/^mooring=/)
  expect(sessionCookie()).toMatch(/; Path=\/; HttpOnly; SameSite=Lax$/)
})

test('on https it is also secure, and no sibling host can plant one', async () => {
  gallery.state.origin = 'https://mooring.fennwick.example'
  await ana.signIn('ana', PASSWORD)
  expect(sessionCookie()).toMatch(/^__Host-mooring=/)
  expect(sessionCookie()).toContain('; Secure')
  expect(sessionCookie()).not.toContain('Domain')
  const planted = visitor(gallery)
  planted.cookies.set('mooring', ana.cookies.get('__Host-mooring')!)
  expect((await planted.get('/')).status).toBe(303)
})

test('a wrong password stays on the page, keeps the login, never the password', async () => {
  const reply = await ana.signIn('ana', 'wrong-but-secret')
  expect(reply.status).toBe(401)
  expect(reply.html).toContain('value="ana"')
  expect(reply.html).toContain('role="alert"')
  expect(reply.html).not.toContain('wrong-but-secret')
})

test('an unknown login reads the same as a wrong password', async () => {
  const strip = (html: string) => html.replaceAll(/value="[^"]*"/g, '')
  const wrong = strip((await ana.signIn('ana', 'wrong')).html)
  expect(strip((await ana.signIn('nobody', 'wrong')).html)).toBe(wrong)
})

test('empty fields are not tried', async () => {
  expect((await ana.signIn('', '')).status).toBe(400)
  const failures = await gallery.core.store.db
    .selectFrom('audit_events')
    .where('code', '=', 'sign_in.failed')
    .selectAll()
    .execute()
  expect(failures).toEqual([])
})

test('too many tries are told when to come back', async () => {
  let reply = await ana.signIn('ana', 'wrong')
  for (let i = 0; i < 12 && reply.status !== 429; i++) reply = await ana.signIn('ana', 'wrong')
  expect(reply.status).toBe(429)
  expect(reply.html).toMatch(/minute/)
  gallery.core.clock.advance(minutes(30))
  expect((await ana.signIn('ana', PASSWORD)).status).toBe(303)
})

test('a disabled account is told so only with its password', async () => {
  await disableUser(gallery.core, systemActor('req_1'), 'ana')
  expect((await ana.signIn('ana', PASSWORD)).html).toContain('disabled')
  expect((await ana.signIn('ana', 'wrong')).html).not.toContain('disabled')
})

describe('the way on after signing in', () => {
  test.each([
    ['/keys/new', '/keys/new'],
    ['/?watch=on', '/?watch=on'],
    ['https://evil.example/', '/'],
    ['//evil.example/', '/'],
    ['/\\evil.example', '/'],
    ['/\t/evil.example', '/'],
    ['\\\\evil.example', '/'],
    ['javascript:alert(1)', '/'],
    ['/a/../..//evil.example', '/'],
    ['', '/'],
  ])('%j leads to %j', async (next, expected) => {
    const path = `/login?next=${encodeURIComponent(next)}`
    const reply = await ana.submit(path, 'password', { login: 'ana', password: PASSWORD })
    expect(new URL(reply.location!, gallery.state.origin).origin).toBe(gallery.state.origin)
    if (expected !== '/') expect(reply.location).toBe(expected)
    else expect(reply.location).not.toContain('//evil')
    const again = await ana.get(path)
    expect([again.status, again.location]).toEqual([303, reply.location])
  })

  test('a field that was changed on the way is checked again', async () => {
    const reply = await ana.submit('/login', 'password', {
      login: 'ana',
      password: PASSWORD,
      next: '//evil.example',
    })
    expect(reply.location).toBe('/')
  })
})

test('who is not signed in is sent to sign in, and back to the page', async () => {
  expect((await ana.get('/')).location).toBe('/login')
  expect((await ana.get('/keys/new')).location).toBe('/login?next=%2Fkeys%2Fnew')
  expect((await ana.post('/keys/new', {})).location).toBe('/login')
})

test('signing out ends the session itself, not only the cookie', async () => {
  await ana.signIn('ana', PASSWORD)
  const stolen = visitor(gallery)
  for (const [name, value] of ana.cookies) stolen.cookies.set(name, value)
  const reply = await ana.submit('/', 'form_token', {})
  expect([reply.status, reply.location]).toEqual([303, '/login'])
  expect(ana.cookies.has('mooring')).toBe(false)
  expect((await stolen.get('/')).status).toBe(303)
})

test('signing in again gives a new session and ends the one that the browser brought', async () => {
  const held = visitor(gallery)
  const { html } = await held.get('/login')
  await ana.signIn('ana', PASSWORD)
  const first = ana.cookies.get('mooring')!
  expect(html).toContain('form_token')
  held.cookies.set('mooring', first)
  const token = /name="form_token" value="([^"]+)"/.exec(html)![1]!
  await held.post('/login', { login: 'ana', password: PASSWORD, form_token: token })
  expect(held.cookies.get('mooring')).not.toBe(first)
  expect((await ana.get('/')).status).toBe(303)
})
