import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  CODE,
  document,
  HOSTED,
  type Origin,
  origin,
  refusal,
  URL_A,
  unreachable,
} from '../../test/fixtures/client-origin.ts'
import { selfSigned } from '../../test/fixtures/self-signed.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { AppError } from '../kernel/app-error.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { createSafeFetch, type SafeFetch } from '../kernel/safe-fetch.ts'
import { days, hours, minutes, seconds } from '../kernel/time.ts'
import { createClientDocuments, freshness } from './client-documents.ts'
import { PINNED_DOCUMENTS } from './pinned-documents.ts'

describe('freshness', () => {
  it.each([
    [null, hours(1)],
    ['max-age=300', seconds(300)],
    ['public, max-age=300', seconds(300)],
    ['max-age="300"', seconds(300)],
    ['s-maxage=600, max-age=300', seconds(600)],
    ['max-age=0', seconds(60)],
    ['max-age=1', seconds(60)],
    ['no-store', seconds(60)],
    ['no-cache, max-age=9999', seconds(60)],
    ['max-age=99999999', hours(24)],
    ['max-age=99999999999999999999999', hours(24)],
    ['private', hours(1)],
    ['x-max-age=5', hours(1)],
  ])('%j', (header, ms) => {
    expect(freshness(header)).toBe(ms)
  })
})

forEachStore((_, open) => {
  const start = async (from: Origin = origin()) => {
    // Not the clock of the store: that one polls, and a month of polling takes a while.
    const clock = manualClock()
    const opened = await open()
    const core = testCore(opened.store, clock)
    const documents = createClientDocuments(core, { safeFetch: from.fetch })
    const read = async (url = URL_A) => {
      const reply = await documents.fetch(url)
      expect(reply.status).toBe(200)
      expect(reply.headers.get('content-type')).toBe('application/json')
      expect(reply.headers.get('cache-control')).toBe('max-age=0')
      return (await reply.json()) as Record<string, unknown>
    }
    const rows = () => core.store.db.selectFrom('client_documents').selectAll().execute()
    return { clock, core, documents, read, rows, from, reopen: opened.reopen }
  }

  it('asks the origin once while the copy is fresh, and again afterwards', async () => {
    const { clock, read, rows, from } = await start(
      origin({ body: document(), headers: { 'cache-control': 'max-age=300' } }),
    )
    expect(await read()).toMatchObject({ client_id: URL_A, client_name: 'App' })
    clock.advance(seconds(299))
    await read()
    expect(from.asked).toHaveLength(1)
    from.now.body = document({ client_name: 'Renamed' })
    clock.advance(seconds(2))
    expect(await read()).toMatchObject({ client_name: 'Renamed' })
    expect(from.asked).toHaveLength(2)
    expect(await rows()).toHaveLength(1)
  })

  it('keeps its copies over a restart', async () => {
    const { core, clock, read, from, reopen } = await start()
    await read()
    const again = createClientDocuments(testCore(await reopen(), clock), { safeFetch: from.fetch })
    expect(((await (await again.fetch(URL_A)).json()) as { client_name: string }).client_name).toBe(
      'App',
    )
    expect(from.asked).toHaveLength(1)
    expect(core.store.dialect).toBeDefined()
  })

  it('asks once for any number of requests at the same time', async () => {
    const { read, from } = await start()
    const all = await Promise.all(Array.from({ length: 20 }, () => read()))
    expect(new Set(all.map((one) => one.client_name))).toEqual(new Set(['App']))
    expect(from.asked).toHaveLength(1)
  })

  it.each([
    ['unreachable', { fails: unreachable() }],
    ['404', { status: 404, body: 'not found' }],
    ['a page instead of JSON', { headers: { 'content-type': 'text/html' }, body: '<html>' }],
    ['another client', { body: document({ client_id: 'https://evil.example/c' }) }],
    ['a document that became invalid', { body: document({ redirect_uris: [] }) }],
  ])('serves the old copy when the origin is broken: %s', async (_name, broken) => {
    const { clock, read, from, rows } = await start()
    await read()
    const [before] = await rows()
    from.now = broken
    clock.advance(days(2))
    expect(await read()).toMatchObject({ client_name: 'App' })
    expect(from.asked).toHaveLength(2)
    // The origin is left alone for a minute, then asked again.
    await read()
    expect(from.asked).toHaveLength(2)
    clock.advance(seconds(61))
    await read()
    expect(from.asked).toHaveLength(3)
    const [after] = await rows()
    expect(after?.fetched_at).toBe(before?.fetched_at)
    clock.advance(days(28))
    const error = await refusal(read())
    expect(error.data?.rule).not.toBe('rate')
  })

  it('a document withdrawn with 410 is gone at once', async () => {
    const { clock, read, from } = await start()
    await read()
    from.now = { status: 410, body: '' }
    clock.advance(days(2))
    expect((await refusal(read())).message).toContain('410')
  })

  it('recovers by itself when the origin does', async () => {
    const { clock, read, from } = await start(origin({ fails: unreachable() }))
    expect((await refusal(read())).data?.rule).toBe('unreachable')
    from.now = { body: document() }
    clock.advance(seconds(1))
    expect(await read()).toMatchObject({ client_name: 'App' })
  })

  it('does not wait long for a silent origin when it has an older copy', async () => {
    const { clock, core } = await start()
    const silent: SafeFetch = (_url, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(unreachable()))
        queueMicrotask(() => clock.advance(seconds(3)))
      })
    const documents = createClientDocuments(core, { safeFetch: silent })
    const reply = await documents.fetch(CODE)
    expect(await reply.json()).toMatchObject({ client_name: 'Claude Code' })
  })

  it('uses the pinned copies of Claude where there is no way to claude.ai', async () => {
    const { clock, read, from } = await start(origin({ fails: unreachable() }))
    expect(await read(HOSTED)).toMatchObject({ client_id: HOSTED, client_name: 'Claude' })
    expect(await read(CODE)).toMatchObject({ client_id: CODE, client_name: 'Claude Code' })
    await read(CODE)
    expect(from.asked).toHaveLength(2)
    clock.advance(minutes(11))
    from.now = {
      body: { ...JSON.parse(PINNED_DOCUMENTS.get(CODE)!), client_name: 'Claude Code 3' },
    }
    expect(await read(CODE)).toMatchObject({ client_name: 'Claude Code 3' })
    from.now = { fails: unreachable() }
    clock.advance(days(3))
    expect(await read(CODE)).toMatchObject({ client_name: 'Claude Code 3' })
    clock.advance(days(40))
    expect(await read(CODE)).toMatchObject({ client_name: 'Claude Code' })
  })

  it.each([
    ['url', 'http://app.example/c', {}],
    ['status', URL_A, { status: 500, body: '' }],
    ['status', URL_A, { status: 204, body: '' }],
    ['content-type', URL_A, { headers: { 'content-type': 'text/plain' }, body: document() }],
    ['json', URL_A, { body: '{' }],
    ['client-id', URL_A, { body: document({ client_id: 'x' }) }],
    ['metadata', URL_A, { body: document({ redirect_uris: ['javascript:x'] }) }],
    [
      'redirect',
      URL_A,
      { fails: new AppError('fetch_failed', 'm', { data: { problem: 'redirect' } }) },
    ],
    [
      'size',
      URL_A,
      { fails: new AppError('fetch_failed', 'm', { data: { problem: 'too_large' } }) },
    ],
    [
      'address',
      'https://127.0.0.1/c',
      { fails: new AppError('blocked_address', 'm', { data: { problem: 'address' } }) },
    ],
    ['unreachable', URL_A, { fails: new AppError('overloaded', 'busy') }],
  ])('names the rule %s', async (rule, url, now) => {
    const { documents, from, rows } = await start()
    from.now = now
    const error = await refusal(documents.fetch(url))
    expect(error.data?.rule).toBe(rule)
    expect(await rows()).toEqual([])
  })

  it('accepts application/json with parameters, and +json types', async () => {
    const { clock, read, from } = await start()
    for (const type of [
      'application/json; charset=utf-8',
      'application/cimd+json',
      'Application/JSON',
    ]) {
      from.now = { body: document(), headers: { 'content-type': type } }
      expect(await read()).toMatchObject({ client_name: 'App' })
      clock.advance(days(2))
    }
    expect(from.asked).toHaveLength(3)
  })

  it('asks one host twenty times a minute at most, other hosts meanwhile', async () => {
    const { clock, documents, from } = await start(origin({ fails: unreachable() }))
    const rules: unknown[] = []
    for (let i = 0; i < 25; i++)
      rules.push((await refusal(documents.fetch(`https://app.example/${i}`))).data?.rule)
    expect(rules.filter((r) => r === 'unreachable')).toHaveLength(20)
    expect(rules.slice(20)).toEqual(Array(5).fill('rate'))
    expect(from.asked).toHaveLength(20)
    expect((await refusal(documents.fetch('https://b.example/c'))).data?.rule).toBe('unreachable')
    clock.advance(minutes(1))
    expect((await refusal(documents.fetch(URL_A))).data?.rule).toBe('unreachable')
  })

  it('asks a bounded number of hosts a minute', async () => {
    const { clock, documents, from } = await start(origin({ fails: unreachable() }))
    const ask = (i: number) =>
      refusal(documents.fetch(`https://h${i}.example/c`, `192.0.2.${i % 200}`))
    for (let i = 0; i < 205; i++) await ask(i)
    expect(from.asked).toHaveLength(200)
    clock.advance(minutes(1))
    await ask(999)
    expect(from.asked).toHaveLength(201)
  })

  it('keeps a bounded number of copies, the latest fetched', async () => {
    const { clock, core, read, rows } = await start()
    const now = clock.now()
    const old = Array.from({ length: 1_000 }, (_, i) => ({
      url: `https://old.example/${i}`,
      body: '{}',
      fetched_at: now - 1_000 + i,
      fresh_until: now,
    }))
    for (let i = 0; i < old.length; i += 100)
      await core.store.transaction(async ({ db }) => {
        await db
          .insertInto('client_documents')
          .values(old.slice(i, i + 100))
          .execute()
      })
    await read()
    const urls = (await rows()).map((row) => row.url)
    expect(urls).toHaveLength(1_000)
    expect(urls).toContain(URL_A)
    expect(urls).not.toContain('https://old.example/0')
    expect(urls).toContain('https://old.example/1')
  })

  it('a stored copy that the rules no longer accept is fetched anew', async () => {
    const { core, clock, read, from } = await start()
    await core.store.transaction(async ({ db }) => {
      await db
        .insertInto('client_documents')
        .values({
          url: URL_A,
          body: JSON.stringify(document({ redirect_uris: ['http://app.example/*'] })),
          fetched_at: clock.now(),
          fresh_until: clock.now() + hours(1),
        })
        .execute()
    })
    expect(await read()).toMatchObject({ redirect_uris: ['https://app.example/cb'] })
    expect(from.asked).toHaveLength(1)
  })
})

describe('over real TLS', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  const serve = async (options: { trust: boolean; name?: string; allow?: false }) => {
    const { key, cert } = selfSigned(options.name ?? 'app.example')
    let connections = 0
    const server = createServer({ key, cert }, (_req, res) => {
      res.writeHead(200, { 'content-type': 'application/json' })
      res.end(JSON.stringify(document({ client_id: url })))
    })
    server.on('connection', () => connections++)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    closers.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const url = `https://app.example:${port}/client.json`
    const safeFetch = createSafeFetch({
      userAgent: 'mooring-test',
      maxBytes: 5120,
      deadlineMs: options.allow === false ? 50 : 5_000,
      explain: options.allow !== false,
      ports: [port],
      allowPrivate: options.allow === false ? [] : ['app.example'],
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      ...(options.trust && { ca: cert }),
    })
    return { safeFetch, url, connections: () => connections }
  }

  forEachStore((_, open) => {
    const documents = async (safeFetch: SafeFetch) => {
      const clock = manualClock()
      return createClientDocuments(testCore((await open(clock)).store, clock), { safeFetch })
    }

    it('reads a document from the host that its certificate names', async () => {
      const { safeFetch, url } = await serve({ trust: true })
      const reply = await (await documents(safeFetch)).fetch(url)
      expect(await reply.json()).toMatchObject({ client_id: url })
    })

    it('refuses an unknown authority and a certificate for another host', async () => {
      const unknown = await serve({ trust: false })
      const error = await refusal((await documents(unknown.safeFetch)).fetch(unknown.url))
      expect(error.data?.rule).toBe('unreachable')
      const other = await serve({ trust: true, name: 'other.example' })
      expect((await refusal((await documents(other.safeFetch)).fetch(other.url))).data?.rule).toBe(
        'unreachable',
      )
    })

    it('never connects to a name with a private address', async () => {
      const { safeFetch, url, connections } = await serve({ trust: true, allow: false })
      expect((await refusal((await documents(safeFetch)).fetch(url))).data?.rule).toBe(
        'unreachable',
      )
      expect(connections()).toBe(0)
    })
  })
})
