// What a stranger can name in a request and what the gateway then connects to: nothing that is not public, at no
// endpoint and in no member (threats.md row 13). A listener on this machine counts.
import { type AddressInfo, createServer } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { ADDRESS_FORMS, URL_TRICKS } from '../../test/fixtures/address-forms.ts'
import {
  authorizeUrl,
  CALLBACK,
  openRig,
  pkce,
  publicClient,
} from '../../test/fixtures/authserver-rig.ts'
import { type OpenStore, storeOpener } from '../../test/fixtures/stores.ts'
import { createSafeFetch, type SafeFetchOptions } from '../kernel/safe-fetch.ts'

const open = storeOpener('sqlite')

/** On every address of this machine, of both families. */
async function trap() {
  const seen = { port: 0, connections: 0 }
  const server = createServer((socket) => {
    seen.connections++
    socket.destroy()
  })
  await new Promise<void>((done) => server.listen(0, '::', () => done()))
  onTestFinished(() => void server.close())
  seen.port = (server.address() as AddressInfo).port
  return seen
}

/** Any port and plain http are allowed, so that only the address can be the reason of a refusal. */
const openFetch = (options: Partial<SafeFetchOptions> = {}) => {
  const asked: string[] = []
  const fetch = createSafeFetch({
    userAgent: 'mooring-test',
    maxBytes: 64 * 1024,
    deadlineMs: 10,
    allowHttp: true,
    ports: 'any',
    ...options,
  })
  return {
    asked,
    safeFetch: ((url, init) => {
      asked.push(url)
      return fetch(url, init)
    }) satisfies typeof fetch,
  }
}

/** So many as one gateway fetches within a minute. */
const inGroups = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / 25) }, (_, i) => all.slice(i * 25, i * 25 + 25))

async function start(from: OpenStore, options: Partial<SafeFetchOptions> = {}) {
  const { asked, safeFetch } = openFetch(options)
  const rig = await openRig(from, { safeFetch })
  const keys = pkce()
  let asker = 0
  /** Names `id` as the client at every endpoint that looks for one; the answers. */
  const everywhere = async (id: string) => {
    const headers = { 'x-test-ip': `198.51.${(++asker >> 8) & 255}.${asker & 255}` }
    const client_id = id
    const authorize = authorizeUrl(rig, { id, redirect: CALLBACK }, keys)
    const pushed = Object.fromEntries(new URL(authorize).searchParams)
    const browser = await fetch(authorize, { headers, redirect: 'manual' })
    return [
      { status: browser.status, text: await browser.text() },
      await rig.post('/oauth/par', pushed, headers),
      await rig.tokenRequest(
        { grant_type: 'authorization_code', code: 'x', client_id, code_verifier: keys.verifier },
        headers,
      ),
      await rig.tokenRequest(
        { grant_type: 'refresh_token', refresh_token: 'x', client_id },
        headers,
      ),
      await rig.post('/oauth/revoke', { token: 'x', client_id }, headers),
      await rig.post('/oauth/introspect', { token: 'x', client_id }, headers),
    ]
  }
  return { rig, asked, keys, everywhere }
}

it('no form of a private address is connected to as a client, at any endpoint', async () => {
  const seen = await trap()
  const asked: string[] = []
  const ids = ADDRESS_FORMS.map(([literal]) => `https://${literal}:${seen.port}/client.json`)
  for (const group of inGroups(ids)) {
    const { everywhere, ...rig } = await start(open)
    for (const id of group)
      for (const { status } of await everywhere(id)) expect([400, 401], id).toContain(status)
    asked.push(...rig.asked)
  }
  // Those that are written in the usual way get as far as the rules for addresses, at every endpoint but one.
  const usual = ids.filter((id) => URL.parse(id)?.href === id)
  expect(usual.length).toBeGreaterThan(30)
  for (const id of usual) expect(asked.filter((one) => one === id).length, id).toBeGreaterThan(4)
  expect(seen.connections).toBe(0)
})

it('no trick of writing a URL is connected to as a client, at any endpoint', async () => {
  const seen = await trap()
  const { everywhere } = await start(open)
  for (const trick of URL_TRICKS)
    for (const { status } of await everywhere(
      trick.replaceAll('%s', String(seen.port)).replaceAll('%%', '%'),
    ))
      expect([400, 401], trick).toContain(status)
  expect(seen.connections).toBe(0)
})

it('no name is connected to that answers a private address, at any endpoint', async () => {
  const seen = await trap()
  const asked = new Set<string>()
  let turn = 0
  for (const group of inGroups(ADDRESS_FORMS)) {
    const addresses = new Map(group.map(([, address], i) => [`h${i}.test`, address]))
    const { everywhere, ...rig } = await start(open, {
      // Now alone, now beside a public one.
      resolve: async (host) => {
        const address = addresses.get(host)!
        const list = turn++ % 2 === 0 ? [address] : ['93.184.216.34', address]
        return list.map((one) => ({ address: one, family: one.includes(':') ? 6 : 4 }))
      },
    })
    for (const host of addresses.keys())
      for (const { status } of await everywhere(`https://${host}:${seen.port}/client.json`))
        expect([400, 401]).toContain(status)
    for (const url of rig.asked) asked.add(`${addresses.get(new URL(url).hostname)}`)
  }
  expect(asked).toEqual(new Set(ADDRESS_FORMS.map(([, address]) => address)))
  expect(turn).toBeGreaterThan(4 * ADDRESS_FORMS.length)
  expect(seen.connections).toBe(0)
})

it('no address in a registration or a request is ever fetched', async () => {
  const seen = await trap()
  const { rig, asked, keys } = await start(open, { allowPrivate: ['127.0.0.1'] })
  const url = `http://127.0.0.1:${seen.port}/x`
  const client = await publicClient(rig, {
    ...{ jwks_uri: url, logo_uri: url, policy_uri: url, tos_uri: url, client_uri: url },
    ...{ sector_identifier_uri: url, request_uris: [url], initiate_login_uri: url },
    ...{ backchannel_logout_uri: url, frontchannel_logout_uri: url, software_statement: url },
    token_endpoint_auth_signing_alg: 'RS256',
    id_token_signed_response_alg: 'RS256',
  })
  const jwt = `${btoa(JSON.stringify({ alg: 'RS256', jku: url, x5u: url }))}.${btoa('{}')}.x`
  for (const more of [
    { request_uri: url },
    { request: jwt },
    { id_token_hint: jwt },
    { registration: JSON.stringify({ jwks_uri: url }) },
    { claims: JSON.stringify({ userinfo: { _claim_sources: { a: { endpoint: url } } } }) },
    { client_metadata_uri: url, logo_uri: url, resource: url },
  ])
    await fetch(authorizeUrl(rig, client, keys, more), { redirect: 'manual' })
  await rig.tokenRequest({
    ...{ grant_type: 'authorization_code', code: 'x', client_id: client.id },
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: jwt,
  })
  await rig.tokenRequest({
    ...{ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: jwt },
    client_id: client.id,
  })
  expect(asked).toEqual([])
  expect(seen.connections).toBe(0)
})

it('answers and events are the same for a closed port, a private address and an unknown name', async () => {
  const closed = createServer()
  await new Promise<void>((done) => closed.listen(0, '127.0.0.1', () => done()))
  const { port } = closed.address() as AddressInfo
  await new Promise((done) => closed.close(done))
  const { rig, everywhere } = await start(open, {
    allowPrivate: ['closed.test'],
    resolve: async (host) => {
      if (host === 'unknow.test') throw new Error('ENOTFOUND')
      return [{ address: '127.0.0.1', family: 4 }]
    },
  })
  const shapes: string[] = []
  // Names of one length, so that only the name can differ.
  for (const host of ['closed.test', 'secret.test', 'unknow.test']) {
    const id = `https://${host}:${port}/c`
    const answers = await everywhere(id)
    const neutral = (value: unknown) =>
      JSON.stringify(value, (_, one: unknown) =>
        one instanceof Headers ? [...one].filter(([name]) => name !== 'date') : one,
      )
        .replaceAll(id, 'ID')
        .replaceAll(encodeURIComponent(id), 'ID')
        .replaceAll(host, 'HOST')
        .replaceAll(/(?:req|evt)_\w+/g, 'X')
    const events = (await rig.authEvents()).filter((row) => JSON.stringify(row).includes(host))
    const reasons = events.map(({ code, outcome, reason, severity, detail }) => [
      ...[code, outcome, reason, severity, detail],
    ])
    shapes.push(neutral([answers, reasons]))
  }
  expect(shapes[1]).toBe(shapes[0])
  expect(shapes[2]).toBe(shapes[0])
  expect(shapes[0]).toContain('HOST')
})
