// A whole gateway with a secret of every kind in it, at log level debug, through its good use and every error: nothing of
// them is in its logs, answers, database, commands or children. And each of them was where it should be.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Canaries, filesBelow, formsOf, sweep, tablesOf } from '../fixtures/canaries.ts'
import { type Flight, flyCanaries } from '../fixtures/canary-gateway.ts'
import { emptyFolders } from '../fixtures/command.ts'
import { databasesOn } from '../fixtures/postgres-databases.ts'
import { dialects } from '../fixtures/stores.ts'

const folder = emptyFolders()

describe.each(dialects)('on %s', (dialect) => {
  const databases = databasesOn(process.env.MOORING_TEST_POSTGRES_URL ?? '')
  let flight: Flight
  let db: string | null = null
  const without = (...kinds: string[]): Canaries =>
    new Map([...flight.canaries].filter(([kind]) => !kinds.includes(kind)))

  beforeAll(async () => {
    if (dialect === 'postgres') db = await databases.take()
    flight = await flyCanaries(db, folder())
  }, 240_000)
  afterAll(async () => {
    await flight?.close()
    await databases.dropAll()
    if (flight) rmSync(flight.dataDir, { recursive: true, force: true })
  })

  it('every secret was where it belongs, so that the sweeps can find something', () => {
    const { canaries, server, results, children } = flight
    const at = (kind: string) => canaries.get(kind) ?? `no ${kind}`
    for (const kind of [
      'secret header of a server',
      'secret in the address of a server',
      'session id of the server',
      'tool argument',
    ])
      expect(server.received(), kind).toContain(at(kind))
    expect(server.received()).toContain(JSON.stringify(at('answer to a question')).slice(1, -1))
    for (const kind of ['tool result', 'secret environment of a server', 'answer to a question'])
      expect(results, kind).toContain(at(kind))
    expect([...children.values()].join()).toContain(at('secret environment of a server'))
    const [file, place] =
      dialect === 'sqlite' ? ['key-of-the-vault', 'plain'] : ['mooring.yaml', 'JSON']
    const key = formsOf(at('key of the vault'))
    expect(
      readFileSync(join(flight.dataDir, file)).includes(key.get(place) ?? key.get('plain')!),
    ).toBe(true)
    expect(canaries.size).toBeGreaterThan(25)
    expect([...new Set(canaries.values())]).toHaveLength(canaries.size)
  })

  it('nothing of them is in the log of the process at level debug', () => {
    // The setup link is printed once, where a person reads it.
    const printed = flight.gateway.output().replace(/^Set up .*$/m, '')
    expect(printed.length).toBeGreaterThan(1000)
    expect(printed).toContain('"level":"debug"')
    expect(sweep(new Map([['log', printed]]), flight.canaries)).toEqual([])
  })

  it('nothing of them is in an answer that is an error, whatever was sent', () => {
    expect(flight.replies.size).toBeGreaterThan(200)
    expect(sweep(flight.replies, flight.canaries)).toEqual([])
  })

  it('nothing of them is in what commands print, events of all three logs included', () => {
    expect([...flight.commands.values()].join()).toContain('mcp.response')
    expect(sweep(flight.commands, flight.canaries)).toEqual([])
  })

  it('nothing of them is in the bytes of the store and of the data folder', async () => {
    const files = filesBelow(flight.dataDir)
    // They are where the operator put the key; the sweep is about what the gateway writes.
    files.delete('key-of-the-vault')
    files.delete('mooring.yaml')
    const places = new Map<string, string | Buffer>([...files, ...(db ? await tablesOf(db) : [])])
    expect([...places.keys()]).toContain(db ? 'table workload_events' : 'events.db-wal')
    expect(sweep(places, flight.canaries)).toEqual([])
  })

  it('a child has the secret of its own server and no other, in arguments and environment', () => {
    expect(flight.children.size).toBeGreaterThan(0)
    expect(sweep(flight.children, without('secret environment of a server'))).toEqual([])
  })

  it('the token of a client reaches no server', () => {
    const { server, canaries } = flight
    const ours = [...canaries].filter(([kind]) =>
      /access token|API key|refresh|cookie|code \d|state|verifier|client secret|^session id(?! of the server)|password/.test(
        kind,
      ),
    )
    expect(ours.length).toBeGreaterThan(12)
    expect(sweep(new Map([['server', server.received()]]), new Map(ours))).toEqual([])
  })
})
