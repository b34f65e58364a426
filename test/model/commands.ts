// What can happen to a gateway, as fast-check commands: each does it to the reference and to the real one, and compares.
import fc from 'fast-check'
import { expect } from 'vitest'
import {
  type Access,
  type Connection,
  called,
  clientRevoked,
  connected,
  end,
  inHand,
  note,
  type Reference,
  refreshed,
} from './reference.ts'
import { call, grantsOf, type Held, type World } from './world.ts'

type Command = fc.AsyncCommand<Reference, World>
/** Picks one of however many there are when its turn comes. */
type Pick = number
const of = <T>(list: readonly T[], pick: Pick): T => list[pick % list.length]!

interface Act {
  may(m: Reference): boolean
  run(m: Reference, w: World): Promise<unknown>
}

function command(name: string, { may, run }: Act): Command {
  return {
    check: (m) => may(m),
    run: async (m, w) => void (await run(m, w)),
    toString: () => name,
  }
}

const chosen = (m: Reference, w: World, pick: Pick): [Connection, Held] => {
  const i = pick % m.connections.length
  return [m.connections[i]!, w.held[i]!]
}
const any = (m: Reference) => m.connections.length > 0

const authorize = (user: Pick, client: Pick): Command =>
  command(`authorize(${user}, ${client})`, {
    may: (m) => !of(m.users, user).disabled && !of(m.clients, client).revoked,
    run: async (m, w) => {
      const before = new Set((await grantsOf(w)).map(({ id }) => id))
      const { status, body } = await of(w.clients, client).signIn(of(w.people, user))
      expect(status, JSON.stringify(body)).toBe(200)
      const grantId = (await grantsOf(w)).find(({ id }) => !before.has(id))!.id
      connected(m, user % m.users.length, client % m.clients.length)
      w.held.push({ access: [body.access_token!], refresh: [body.refresh_token!], grantId })
    },
  })

const callTool = (pick: Pick, which: Pick, era: 'session' | 'stateless'): Command =>
  command(`call(${pick}, ${which}, ${era})`, {
    may: any,
    run: async (m, w) => {
      const [connection, held] = chosen(m, w, pick)
      const known = held.access.flatMap((token, i) => (token === '' ? [] : [i]))
      const i = of(known, which)
      const expected = called(m, connection, connection.access[i] as Access)
      expect(await call(w, held.access[i]!, era)).toBe(expected)
    },
  })

const take = (held: Held, body: { access_token?: string; refresh_token?: string }) => {
  held.access.push(body.access_token!)
  held.refresh.push(body.refresh_token!)
}

/** `which` counts from the newest: 0 is in order, others are old ones. */
const refresh = (pick: Pick, which: Pick, times: 1 | 2, lost: boolean): Command =>
  command(
    `refresh(${pick}, ${which}${times === 2 ? ', twice at once' : ''}${lost ? ', lost' : ''})`,
    {
      may: (m) => {
        if (!any(m)) return false
        const connection = of(m.connections, pick)
        const token = connection.refresh[of(inHand(connection).toReversed(), which)]!
        // Who loses is a race when the first of two takes the last retry; and of a disabled person nobody says what dies.
        const disabled = m.users[connection.user]!.disabled
        return token.consumedAt === null || !(disabled || times === 2)
      },
      run: async (m, w) => {
        const [connection, held] = chosen(m, w, pick)
        const index = of(inHand(connection).toReversed(), which)
        const client = w.clients[connection.client]!
        const token = held.refresh[index]!
        const answers = await Promise.all(
          Array.from({ length: times }, () => client.refresh(token)),
        )
        for (const { status, body } of answers) {
          const expected = refreshed(m, connection, index, !lost)
          const refused = m.clients[connection.client]!.revoked ? 401 : 400
          const why = refused === 401 ? 'invalid_client' : 'invalid_grant'
          expect([status, body.error]).toEqual(expected ? [200, undefined] : [refused, why])
          if (!expected) continue
          if (lost) {
            held.access.push('')
            held.refresh.push(null)
          } else take(held, body)
        }
      },
    },
  )

const giveBack = (pick: Pick): Command =>
  command(`revoke by the client(${pick})`, {
    may: (m) => any(m) && !of(m.connections, pick).revoked,
    run: async (m, w) => {
      const [connection, held] = chosen(m, w, pick)
      const index = inHand(connection).at(-1)!
      const { expiresAt } = connection.refresh[index]!
      const reply = await fetch(`${w.gateway.url}/oauth/revoke`, {
        method: 'POST',
        body: new URLSearchParams({
          token: held.refresh[index]!,
          client_id: w.clients[connection.client]!.clientId,
        }),
      })
      expect(reply.status, await reply.text()).toBe(200)
      if (m.now >= expiresAt) return
      end(m, connection)
      note(m, 'auth.token_revoked')
    },
  })

const revokeBy = (who: 'admin' | 'another process', pick: Pick): Command =>
  command(`revoke by ${who}(${pick})`, {
    may: (m) => any(m) && !of(m.connections, pick).revoked,
    run: async (m, w) => {
      const [connection, { grantId }] = chosen(m, w, pick)
      if (who === 'admin') await w.gateway.govern('POST', `/grants/${grantId}/revoke`, {})
      else await w.revokeElsewhere(grantId)
      end(m, connection)
    },
  })

const revokeClient = (client: Pick): Command =>
  command(`withdraw client(${client})`, {
    may: (m) => !of(m.clients, client).revoked,
    run: async (m, w) => {
      const id = of(w.clients, client).clientId
      await w.gateway.govern('POST', '/clients/revoke', { id })
      clientRevoked(m, client % m.clients.length)
    },
  })

const switchUser = (user: Pick): Command =>
  command(`disable or enable(${user})`, {
    may: () => true,
    run: async (m, w) => {
      const known = of(m.users, user)
      const verb = known.disabled ? 'enable' : 'disable'
      await w.gateway.govern('POST', `/users/${of(w.people, user).login}/${verb}`)
      known.disabled = !known.disabled
      note(m, `user.${verb}d`)
    },
  })

const advance = (ms: number): Command =>
  command(`advance(${ms / 1000} s)`, {
    may: () => true,
    run: async (m, w) => {
      w.advance?.(ms)
      m.now += ms
    },
  })

/** One after the other, as far as each is possible: what chance alone would rarely bring together. */
const inTurn = (...parts: Command[]): Command => ({
  check: (m) => parts[0]!.check(m),
  run: async (m, w) => {
    for (const part of parts) if (await part.check(m)) await part.run(m, w)
  },
  toString: () => parts.map(String).join(' then '),
})

const again = (how: 'restart' | 'crash'): Command =>
  command(how, { may: () => true, run: (_m, w) => w[how]() })

const pick = fc.nat(11)
const MINUTE = 60_000
const DAY = 86_400_000

/** Weights: a list names a command several times to have it more often. */
export const everything = (options: { timeMoves: boolean }): fc.Arbitrary<Command>[] => [
  fc.tuple(pick, pick).map(([u, c]) => authorize(u, c)),
  fc.tuple(pick, pick).map(([u, c]) => authorize(u, c)),
  fc.tuple(pick, pick).map(([p, w]) => callTool(p, w, 'session')),
  fc.tuple(pick, pick).map(([p, w]) => callTool(p, w, 'stateless')),
  fc.tuple(pick, fc.constant(0)).map(([p, w]) => callTool(p, w, 'stateless')),
  pick.map((p) => refresh(p, 0, 1, false)),
  pick.map((p) => refresh(p, 0, 1, true)),
  pick.map((p) => refresh(p, 0, 2, false)),
  fc.tuple(pick, fc.integer({ min: 1, max: 3 })).map(([p, w]) => refresh(p, w, 1, false)),
  pick.map(giveBack),
  pick.map((p) => revokeBy('admin', p)),
  pick.map((p) => revokeBy('another process', p)),
  pick.map(revokeClient),
  pick.map(switchUser),
  pick.map(switchUser),
  ...(options.timeMoves
    ? [
        fc.constantFrom(30_000, MINUTE, 16 * MINUTE, 16 * MINUTE, 20 * DAY, 31 * DAY).map(advance),
        fc.constantFrom(20_000, MINUTE - 1, MINUTE + 1).map(advance),
        // The reply is lost, and the client tries again in time or too late.
        fc
          .tuple(pick, fc.constantFrom(MINUTE - 1, MINUTE, 5 * MINUTE))
          .map(([p, ms]) =>
            inTurn(
              refresh(p, 0, 1, true),
              advance(ms),
              refresh(p, 0, 1, false),
              callTool(p, 0, 'stateless'),
            ),
          ),
        // An old token after its successor was used, as a thief has it.
        pick.map((p) =>
          inTurn(
            refresh(p, 0, 1, false),
            refresh(p, 0, 1, false),
            refresh(p, 2, 1, false),
            callTool(p, 0, 'stateless'),
          ),
        ),
      ]
    : []),
  fc.constant(again('restart')),
  fc.constant(again('crash')),
]
