// Who makes the load of a soak: each worker does one kind of thing in a loop until the time is over, and reports what it saw.
import { request } from 'undici'
import type { Gateway } from '../fixtures/gateway.ts'
import type { OauthClient } from '../fixtures/oauth-client.ts'
import { type Answer, callOf, openSession, stateless } from '../fixtures/raw-client.ts'

export interface Load {
  gateway: Gateway
  clients: readonly OauthClient[]
  /** From 0 to 1, of this worker alone. */
  random(): number
  over(): boolean
  pause(ms: number): Promise<void>
  nonce(): string
  /** A call that ended: how long it took, and the code when it was refused or failed. */
  ended(ms: number, code: string | null): void
  acknowledged(message: string): void
  broken(what: string): void
}

export type Worker = (load: Load) => Promise<void>
type Credential = Record<string, string>

const TOOLS = ['echo__echo', 'echo__echo', 'echo__echo', 'demo__echo', 'child__echo']

/** Makes one call and judges the answer; the code when it did not succeed. */
async function call(load: Load, tool: string, make: (args: object) => Promise<Answer>) {
  const message = load.nonce()
  const began = performance.now()
  const { status, message: reply, text } = await make({ message })
  const took = performance.now() - began
  const said = reply.result?.content?.[0]?.text
  if (said !== undefined && !reply.result?.isError) {
    // The child answers with what it has; the others repeat the message.
    if (tool !== 'child__echo' && !said.includes(message))
      load.broken(`${tool} was asked ${message} and answered ${said.slice(0, 100)}`)
    if (tool === 'echo__echo') load.acknowledged(message)
    load.ended(took, null)
    return null
  }
  const code = /"code":"(\w+)"/.exec(text)?.[1] ?? `HTTP ${status}: ${text.slice(0, 80)}`
  load.ended(took, code)
  return code
}

const one = <T>(load: Load, list: readonly T[]): T => list[Math.floor(load.random() * list.length)]!

const urlOf = ({ gateway }: Load) => `${gateway.url}/mcp`

/** Sessions that make some calls, and end or are left behind. */
const sessions: Worker = async (load) => {
  const { key } = await load.gateway.createKey()
  while (!load.over()) {
    const session = await openSession(urlOf(load), { 'x-api-key': key })
    for (let n = load.random() * 30; n > 0 && !load.over(); n--) {
      const tool = one(load, TOOLS)
      await call(load, tool, (args) => session.call(tool, args))
      await load.pause(load.random() * 20)
    }
    if (load.random() < 0.7)
      await fetch(urlOf(load), { method: 'DELETE', headers: session.headers })
  }
}

const statelessCalls: Worker = async (load) => {
  const { key } = await load.gateway.createKey()
  while (!load.over()) {
    const name = one(load, TOOLS)
    await call(load, name, (args) =>
      stateless(urlOf(load), { 'x-api-key': key }, 'tools/call', { name, arguments: args }),
    )
    await load.pause(load.random() * 20)
  }
}

const stillGood = (load: Load, credential: Credential) =>
  call(load, 'demo__echo', (args) =>
    stateless(urlOf(load), credential, 'tools/call', { name: 'demo__echo', arguments: args }),
  )

async function mustBeRefused(load: Load, credential: Credential, after: string): Promise<void> {
  const code = await stillGood(load, credential)
  if (code !== 'token_revoked') load.broken(`${code ?? 'accepted'} after ${after}`)
}

/** Keys come and go. */
const keys: Worker = async (load) => {
  while (!load.over()) {
    const { id, key } = await load.gateway.createKey()
    const credential = { 'x-api-key': key }
    await stillGood(load, credential)
    await load.gateway.govern('POST', `/keys/${id}/revoke`)
    await mustBeRefused(load, credential, 'the revoke of a key')
    await load.pause(500)
  }
}

/** People sign in, clients refresh (two at once, replies lost), then the connection is given back. */
const logins: Worker = async (load) => {
  while (!load.over()) {
    const client = one(load, load.clients)
    const { status, body } = await client.signIn(load.gateway.admin)
    if (status !== 200) load.broken(`sign-in: ${status} ${JSON.stringify(body)}`)
    let [access, refresh] = [body.access_token!, body.refresh_token!]
    for (let n = load.random() * 6; n > 0 && !load.over(); n--) {
      const again = load.random() < 0.5 ? 2 : 1
      const replies = await Promise.all(
        Array.from({ length: again }, () => client.refresh(refresh)),
      )
      for (const reply of replies)
        if (reply.status !== 200)
          load.broken(`refresh: ${reply.status} ${JSON.stringify(reply.body)}`)
      // The client keeps one of the two answers.
      const kept = one(load, replies).body
      ;[access, refresh] = [kept.access_token!, kept.refresh_token!]
      const code = await stillGood(load, { authorization: `Bearer ${access}` })
      if (code?.startsWith('token_')) load.broken(`${code} after a refresh`)
      await load.pause(100)
    }
    await fetch(`${load.gateway.url}/oauth/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token: refresh, client_id: client.clientId }),
    })
    await mustBeRefused(load, { authorization: `Bearer ${access}` }, 'the client gave it back')
    await load.pause(1000)
  }
}

/** Clients that vanish: in the middle of a call, and with their streams open. */
const vanishing: Worker = async (load) => {
  const { key } = await load.gateway.createKey()
  while (!load.over()) {
    const session = await openSession(urlOf(load), { 'x-api-key': key })
    const gone = new AbortController()
    const listening = request(urlOf(load), {
      headers: { ...session.headers, accept: 'text/event-stream' },
      signal: gone.signal,
    }).then(({ body }) => body.dump())
    const calling = request(urlOf(load), {
      method: 'POST',
      headers: {
        ...session.headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(callOf('echo__echo', { message: load.nonce() })),
      signal: gone.signal,
    }).then(({ body }) => body.dump())
    await load.pause(load.random() * 30)
    gone.abort()
    await Promise.allSettled([listening, calling])
    await load.pause(100)
  }
}

export const workers: readonly Worker[] = [
  sessions,
  sessions,
  statelessCalls,
  statelessCalls,
  keys,
  logins,
  vanishing,
]
