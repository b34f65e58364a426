// The HTTP side of one server: its address, its credential, and which headers of ours may reach it.
import type { JsonObject } from '../../kernel/mcp.ts'
import type { Clock } from '../../kernel/time.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Forward, ForwardReply } from '../link.ts'
import type { ServerSecret } from '../server.ts'
import { quote, secretForms, secretsIn, type Web, type WebTarget } from '../web.ts'

export interface Port {
  readonly clock: Clock
  readonly log: Logger
  readonly target: WebTarget
  /** Another value that must not be shown should the server repeat it. */
  hide(value: string): void
  post(
    message: JsonObject,
    headers: Record<string, string>,
    signal: AbortSignal,
    deadline: number,
    idle?: number,
  ): Promise<ForwardReply>
  /** Opens a stream of the server's own; `lastEventId` resumes one. */
  get(
    headers: Record<string, string>,
    signal: AbortSignal,
    deadline: number,
    lastEventId?: string,
  ): Promise<ForwardReply>
  forward(forward: Forward, own: Record<string, string>): Promise<ForwardReply>
}

const BOTH = 'application/json, text/event-stream'

/** What a caller may choose; everything else of a client's request, its token above all, ends at the gateway. */
const CALLERS =
  /^(accept|content-type|last-event-id|mcp-protocol-version|mcp-method|mcp-name|mcp-param-.+|traceparent|tracestate|baggage)$/

/** Of the connection, not of the message; and what belongs between the gateway and the server only. */
const NOT_FORWARDED = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'set-cookie',
  'mcp-session-id',
] as const

export function createPort(
  deps: { clock: Clock; log: Logger; web: Web },
  server: { name: string; url: URL },
  secret: ServerSecret,
): Port {
  const { clock, log, web } = deps
  const credential: Record<string, string> = {}
  for (const [name, value] of Object.entries(secret.headers ?? {}))
    credential[name.toLowerCase()] = value.reveal()
  const secrets = secretForms([...Object.values(credential), ...secretsIn(server.url)])
  const target: WebTarget = { ...server, secrets }
  const shown = (text: string) => quote(target, text)
  return {
    clock,
    log,
    target,
    hide: (value) => void secrets.push(...secretForms([value])),
    post: (message, headers, signal, deadline, idle) =>
      web.send(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: BOTH, ...headers, ...credential },
        body: JSON.stringify(message),
        signal,
        deadline,
        ...(idle === undefined ? {} : { idle }),
      }),
    get: (headers, signal, deadline, lastEventId) =>
      web.send(target, {
        method: 'GET',
        headers: {
          accept: 'text/event-stream',
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
          ...headers,
          ...credential,
        },
        signal,
        deadline,
        idle: 0,
      }),
    forward: async ({ method, body, headers, signal, deadline }, own) => {
      const sent: Record<string, string> = {}
      if (method === 'POST') sent['content-type'] = 'application/json'
      for (const name in headers) if (CALLERS.test(name)) sent[name] = headers[name]!
      const reply = await web.send(target, {
        method,
        headers: Object.assign(sent, own, credential),
        ...(body === undefined ? {} : { body }),
        signal,
        deadline,
        ...(method === 'GET' ? { idle: 0 } : {}),
      })
      for (const name of NOT_FORWARDED) delete reply.headers[name]
      reply.quote = shown
      return reply
    },
  }
}
