// What must be true of a gateway, as small as it can be said: who must be accepted or refused, and what must stand in the
// logs. Pure; knows nothing of HTTP, stores or processes.

const RETRY_WINDOW = 60_000
const RETRIES = 10
const ACCESS_TTL = 900_000
const REFRESH_TTL = 30 * 86_400_000

export interface Access {
  expiresAt: number
}

export interface Refresh {
  parent: number | null
  expiresAt: number
  consumedAt: number | null
  retries: number
  /** Its reply reached the client. */
  known: boolean
}

export interface Connection {
  user: number
  client: number
  access: Access[]
  refresh: Refresh[]
  expiresAt: number
  revoked: boolean
}

export interface Reference {
  now: number
  users: { disabled: boolean }[]
  clients: { revoked: boolean }[]
  connections: Connection[]
  /** Events that have to be in the logs, by code. */
  events: Map<string, number>
  /** Calls that the server has received. */
  calls: number
}

export const newReference = (users: number, clients: number): Reference => ({
  now: 0,
  users: Array.from({ length: users }, () => ({ disabled: false })),
  clients: Array.from({ length: clients }, () => ({ revoked: false })),
  connections: [],
  events: new Map(),
  calls: 0,
})

export const note = (m: Reference, code: string, times = 1): void => {
  m.events.set(code, (m.events.get(code) ?? 0) + times)
}

export function connected(m: Reference, user: number, client: number): void {
  const expiresAt = m.now + REFRESH_TTL
  m.connections.push({
    user,
    client,
    expiresAt,
    access: [{ expiresAt: m.now + ACCESS_TTL }],
    refresh: [{ parent: null, expiresAt, consumedAt: null, retries: 0, known: true }],
    revoked: false,
  })
  note(m, 'grant.created')
  note(m, 'auth.token_issued')
}

/** The code of the refusal, or null when the call must reach the server. */
export function called(m: Reference, connection: Connection, token: Access): string | null {
  if (connection.revoked) return 'token_revoked'
  if (m.now >= token.expiresAt || m.now >= connection.expiresAt) return 'token_expired'
  if (m.users[connection.user]!.disabled) return 'user_disabled'
  m.calls++
  note(m, 'mcp.request')
  note(m, 'mcp.response')
  return null
}

/** Whether the refresh must succeed; when it does, the new tokens are the last ones of the connection. */
export function refreshed(
  m: Reference,
  connection: Connection,
  index: number,
  known = true,
): boolean {
  const token = connection.refresh[index]!
  if (connection.revoked || m.now >= token.expiresAt || m.now >= connection.expiresAt) return false
  const again = token.consumedAt !== null
  if (again && !retryable(m, connection, index)) {
    end(m, connection)
    note(m, 'auth.refresh_reuse')
    return false
  }
  if (m.users[connection.user]!.disabled) return false
  if (again) {
    token.retries++
    note(m, 'auth.refresh_retried')
  } else token.consumedAt = m.now
  const expiresAt = m.now + REFRESH_TTL
  connection.expiresAt = expiresAt
  connection.access.push({ expiresAt: m.now + ACCESS_TTL })
  connection.refresh.push({ parent: index, expiresAt, consumedAt: null, retries: 0, known })
  note(m, 'auth.token_refreshed')
  return true
}

function retryable(m: Reference, { refresh }: Connection, index: number): boolean {
  const { consumedAt, retries } = refresh[index]!
  const successorUsed = refresh.some((t) => t.parent === index && t.consumedAt !== null)
  return m.now - consumedAt! < RETRY_WINDOW && retries < RETRIES && !successorUsed
}

export function end(m: Reference, connection: Connection): void {
  if (connection.revoked) return
  connection.revoked = true
  note(m, 'grant.revoked')
}

export function clientRevoked(m: Reference, client: number): void {
  m.clients[client]!.revoked = true
  note(m, 'client.revoked')
  for (const connection of m.connections) if (connection.client === client) end(m, connection)
}

/** Indexes of the refresh tokens that the client has, newest last. */
export const inHand = ({ refresh }: Connection): number[] =>
  refresh.flatMap(({ known }, i) => (known ? [i] : []))
