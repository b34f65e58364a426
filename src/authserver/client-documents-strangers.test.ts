// What strangers can make the gateway fetch and keep: bounded for each network, each origin and all, and never at the
// cost of clients that are in use.
import { expect, it } from 'vitest'
import { document, origin, refusal, URL_A, unreachable } from '../../test/fixtures/client-origin.ts'
import { forEachStore, testCore } from '../../test/fixtures/stores.ts'
import { manualClock } from '../kernel/manual-clock.ts'
import { minutes, seconds } from '../kernel/time.ts'
import { operator } from '../logs/event.ts'
import { createUser } from '../people/users.ts'
import { createClientDocuments } from './client-documents.ts'

forEachStore((_, open) => {
  const start = async (from = origin({ fails: unreachable() })) => {
    const clock = manualClock()
    const core = testCore((await open()).store, clock)
    const documents = createClientDocuments(core, { safeFetch: from.fetch })
    const rules = async (ips: readonly string[], host = (i: number) => `h${i}.example`) => {
      const found: unknown[] = []
      for (const [i, ip] of ips.entries())
        found.push((await refusal(documents.fetch(`https://${host(i)}/c${i}`, ip))).data?.rule)
      return found
    }
    return { clock, core, documents, from, rules }
  }
  const of = (count: number, ip: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => ip(i))

  it('one network makes thirty fetches a minute at most, others meanwhile', async () => {
    const { clock, from, rules } = await start()
    const stranger = '2001:db8:1:2::'
    // All addresses of one /64 are one network.
    const found = await rules(of(40, (i) => `${stranger}${i}`))
    expect(found.slice(0, 30)).toEqual(Array(30).fill('unreachable'))
    expect(found.slice(30)).toEqual(Array(10).fill('rate'))
    expect(from.asked).toHaveLength(30)
    expect(await rules(['2001:db8:1:3::1', '192.0.2.1'])).toEqual(['unreachable', 'unreachable'])
    clock.advance(seconds(2))
    expect(await rules([`${stranger}1`, `${stranger}2`])).toEqual(['unreachable', 'rate'])
  })

  it('a third party is asked twenty times a minute at most, however many networks try', async () => {
    const { from, rules } = await start()
    const found = await rules(
      of(40, (i) => `192.0.2.${i}`),
      () => 'victim.example',
    )
    expect(found.filter((rule) => rule === 'unreachable')).toHaveLength(20)
    expect(from.asked).toHaveLength(20)
  })

  it('what a refused fetch asked for is not counted against others', async () => {
    const { from, rules, documents } = await start()
    await rules(of(60, () => '192.0.2.1'))
    const before = from.asked.length
    expect((await refusal(documents.fetch('https://h50.example/c', '192.0.2.2'))).data?.rule).toBe(
      'unreachable',
    )
    expect(from.asked).toHaveLength(before + 1)
  })

  it('a client that is in use keeps working while its network asks for too much', async () => {
    const from = origin()
    const { clock, documents, rules } = await start(from)
    await documents.fetch(URL_A, '192.0.2.1')
    clock.advance(minutes(61))
    from.now = { fails: unreachable() }
    await rules(of(40, () => '192.0.2.1'))
    expect(await (await documents.fetch(URL_A, '192.0.2.1')).json()).toMatchObject({
      client_name: 'App',
    })
  })

  it('copies of clients that somebody has connected outlast those of strangers', async () => {
    const { clock, core, documents } = await start(origin())
    const now = clock.now()
    const urls = of(1_000, (i) => `https://old.example/${i}`)
    const used = urls[0]!
    const user = await createUser(core, operator('test'), { login: 'alice', role: 'admin' })
    await core.store.transaction(async ({ db }) => {
      for (let i = 0; i < urls.length; i += 100)
        await db
          .insertInto('client_documents')
          .values(
            urls.slice(i, i + 100).map((url, j) => ({
              url,
              body: '{}',
              fetched_at: now - 2_000 + i + j,
              fresh_until: now,
            })),
          )
          .execute()
      await db
        .insertInto('grants')
        .values({
          ...{ id: 'g', user_id: user.id, client_id: used, client_name: 'Used', client_host: null },
          ...{ resource: 'r', scopes: '', created_at: now, expires_at: null, ip: null },
          ...{ user_agent: null, first_used_at: null, last_used_at: null, last_ip: null, calls: 0 },
          ...{ event_id: 'e', revoked_at: null, revoked_reason: null },
        })
        .execute()
    })
    await documents.fetch(URL_A, '192.0.2.1')
    const rows = await core.store.db.selectFrom('client_documents').select('url').execute()
    const left = new Set(rows.map(({ url }) => url))
    expect(left.size).toBe(1_000)
    expect(left).toContain(used)
    expect(left).toContain(URL_A)
    expect(left).not.toContain(urls[1])
  })

  it('what is kept of a document is never more than five kilobytes', async () => {
    const from = origin({
      body: document({ client_name: 'x'.repeat(150), extra: 'y'.repeat(4_600) }),
    })
    const { core, documents } = await start(from)
    await documents.fetch(URL_A, '192.0.2.1')
    from.now = { body: document({ client_id: `${URL_A}2`, extra: 'y'.repeat(5_100) }) }
    await refusal(documents.fetch(`${URL_A}2`, '192.0.2.1'))
    const rows = await core.store.db.selectFrom('client_documents').selectAll().execute()
    expect(rows.map(({ body }) => Buffer.byteLength(body) <= 5_120)).toEqual([true])
  })
})
