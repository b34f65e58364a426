// The CSRF matrix: where a form came from × whether it carries its token, and the single use of the token.
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
import { hours } from '../kernel/time.ts'
import { FORM_LIFETIME } from './forms.ts'

let gallery: Gallery
let ana: Visitor
let uid: string

beforeEach(async () => {
  gallery = await openGallery()
  const { id } = await gallery.addUser('ana', 'Ana Ribeiro', 'admin')
  ana = visitor(gallery)
  await ana.signIn('ana', PASSWORD)
  const pending = sampleInteraction(sampleClients.verified!, id, null)
  uid = pending.uid
  gallery.state.interactions.set(uid, pending)
})
afterEach(() => gallery.close())

const tokenAt = async (who: Visitor, path: string, field: string) => {
  const form = formsOf((await who.get(path)).html).find((f) => f.has(field))!
  return form.values.find(([name]) => name === 'form_token')![1]
}

/** Every form that changes something; what is asked of other rooms when it goes through. */
const forms = () => [
  { path: `/consent/${uid}`, at: `/consent/${uid}`, field: 'scope', values: { decision: 'allow' } },
  { path: '/servers/demo', at: '/', field: '', values: {} },
  { path: '/keys/new', at: '/keys/new', field: 'lifetime', values: { name: 'x', lifetime: '1h' } },
  {
    path: '/settings/public-url',
    at: '/settings/public-url',
    field: 'url',
    values: { url: 'https://a.example' },
  },
]

const origins = [
  ['ours', undefined, true],
  ['absent', null, true],
  ['another site', 'https://evil.example', false],
  ['a sibling port', 'http://127.0.0.1:9999', false],
  ['the same host on https', 'https://127.0.0.1:8420', false],
  ['null', 'null', false],
] as const
const sites = [
  ['same-origin', 'same-origin', true],
  ['absent', null, true],
  ['same-site', 'same-site', false],
  ['cross-site', 'cross-site', false],
  ['none', 'none', false],
] as const

for (const [originName, origin, originGood] of origins)
  for (const [siteName, site, siteGood] of sites)
    for (const withToken of [true, false]) {
      const good = originGood && siteGood && withToken
      test(`origin ${originName}, fetch site ${siteName}, token ${withToken ? 'right' : 'missing'}: ${good ? 'goes through' : 'refused'}`, async () => {
        const token = withToken ? await tokenAt(ana, `/consent/${uid}`, 'scope') : ''
        const reply = await ana.post(
          `/consent/${uid}`,
          { form_token: token, decision: 'allow' },
          { ...(origin !== undefined && { origin }), 'sec-fetch-site': site },
        )
        expect(reply.status).toBe(good ? 303 : 403)
        expect(gallery.asked.some(([verb]) => verb === 'allow')).toBe(good)
      })
    }

test('no form of any page goes through from another site, even with its token', async () => {
  gallery.state.publicUrl = { url: 'http://127.0.0.1:8420', source: 'default' }
  for (const form of forms().filter((f) => f.field !== '')) {
    const token = await tokenAt(ana, form.at, form.field)
    const reply = await ana.post(
      form.path,
      { ...form.values, form_token: token },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    )
    expect([form.path, reply.status]).toEqual([form.path, 403])
  }
  expect(gallery.asked).toEqual([])
})

test('no form of any page goes through without its token', async () => {
  for (const form of forms()) {
    const reply = await ana.post(form.path, form.values)
    expect([form.path, reply.status]).toEqual([form.path, 403])
  }
  for (const path of ['/login', '/setup', '/logout']) {
    const reply = await ana.post(path, { login: 'ana', password: PASSWORD })
    expect([path, reply.status]).toEqual([path, 403])
  }
  expect(gallery.asked).toEqual([])
})

test('signing in with a right password needs the token too, so nobody is signed in as somebody else', async () => {
  const fresh = visitor(gallery)
  expect((await fresh.post('/login', { login: 'ana', password: PASSWORD })).status).toBe(403)
  const attacker = visitor(gallery)
  const token = await tokenAt(attacker, '/login', 'password')
  const reply = await fresh.post('/login', { login: 'ana', password: PASSWORD, form_token: token })
  expect(reply.status).toBe(403)
  expect(fresh.cookies.has('mooring')).toBe(false)
})

describe('a token', () => {
  test('is good once: the second decision is refused and says that the first counts', async () => {
    const token = await tokenAt(ana, `/consent/${uid}`, 'scope')
    const pending = gallery.state.interactions.get(uid)!
    const first = await ana.post(`/consent/${uid}`, { form_token: token, decision: 'cancel' })
    expect(first.status).toBe(303)
    gallery.state.interactions.set(uid, pending)
    const second = await ana.post(`/consent/${uid}`, { form_token: token, decision: 'allow' })
    expect(second.status).toBe(410)
    expect(second.html).toContain('has been sent before')
    expect(gallery.asked).toEqual([['cancel', uid]])
  })

  test('sent many times at once goes through once', async () => {
    const token = await tokenAt(ana, `/consent/${uid}`, 'scope')
    gallery.deps.interactions.allow = async () => {
      gallery.asked.push(['allow'])
      return 'https://claude.ai/back'
    }
    const replies = await Promise.all(
      Array.from({ length: 8 }, () =>
        ana.post(`/consent/${uid}`, { form_token: token, decision: 'allow' }),
      ),
    )
    expect(replies.filter((r) => r.status === 303)).toHaveLength(1)
    expect(gallery.asked).toHaveLength(1)
  })

  test('of one request is not good for another', async () => {
    const other = { ...gallery.state.interactions.get(uid)!, uid: 'another' }
    gallery.state.interactions.set('another', other)
    const token = await tokenAt(ana, '/consent/another', 'scope')
    const reply = await ana.post(`/consent/${uid}`, { form_token: token, decision: 'allow' })
    expect(reply.status).toBe(403)
  })

  test('of one person is not good for another', async () => {
    await gallery.addUser('ben', 'Ben', 'admin')
    const ben = visitor(gallery)
    await ben.signIn('ben', PASSWORD)
    const token = await tokenAt(ben, '/keys/new', 'lifetime')
    const reply = await ana.post('/keys/new', { form_token: token, name: 'x', lifetime: '1h' })
    expect(reply.status).toBe(403)
  })

  test('ends with the session that it was given to', async () => {
    const token = await tokenAt(ana, '/keys/new', 'lifetime')
    await ana.submit('/', 'form_token', {})
    await ana.signIn('ana', PASSWORD)
    const reply = await ana.post('/keys/new', { form_token: token, name: 'x', lifetime: '1h' })
    expect(reply.status).toBe(403)
  })

  test('ends after a working day, and cannot be given a later end', async () => {
    const fresh = visitor(gallery)
    const token = await tokenAt(fresh, '/login', 'password')
    gallery.core.clock.advance(FORM_LIFETIME - 1)
    const [, nonce, mac] = token.split('.')
    gallery.core.clock.advance(1)
    const values = { login: 'ana', password: PASSWORD }
    const late = await fresh.post('/login', { ...values, form_token: token })
    expect(late.status).toBe(410)
    const later = (gallery.core.clock.now() + hours(1)).toString(36)
    const forged = `${later}.${nonce}.${mac}`
    expect((await fresh.post('/login', { ...values, form_token: forged })).status).toBe(403)
  })
})

test('only form fields are read, and not many of them', async () => {
  const json = await ana.post('/keys/new', {}, { 'content-type': 'application/json' })
  expect(json.status).toBe(415)
  const multipart = await ana.post('/keys/new', {}, { 'content-type': 'multipart/form-data' })
  expect(multipart.status).toBe(415)
  const large = await ana.post('/keys/new', { name: 'x'.repeat(40_000) })
  expect(large.status).toBe(413)
})
