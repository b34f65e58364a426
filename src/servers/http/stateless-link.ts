// A link to a stateless-era server over Streamable HTTP (MCP 2026-07-28): every request carries the envelope,
// and the headers that repeat the body; closing the stream cancels.
import { encodeHeaderValue } from '../../catalog/header-value.ts'
import { AppError } from '../../kernel/app-error.ts'
import type { JsonObject } from '../../kernel/mcp.ts'
import { META, withEnvelope } from '../envelope.ts'
import type { Hello, Link, LinkFor, RpcNotification } from '../link.ts'
import { LISTS_MAY_DIFFER } from '../news.ts'
import { isObject, notificationMessage, requestMessage } from '../rpc.ts'
import { type Course, callOver, post } from './call.ts'
import type { Port } from './port.ts'
import { keepOpen } from './standing-stream.ts'

/** Which parameter `Mcp-Name` repeats. */
const NAMED: Record<string, string> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

export function statelessHeaders(message: JsonObject): Record<string, string> {
  const params = isObject(message.params) ? message.params : {}
  const meta = isObject(params._meta) ? params._meta : {}
  const method = String(message.method)
  const field = NAMED[method]
  const name = field === undefined ? undefined : params[field]
  return {
    'mcp-protocol-version': String(meta[META.protocolVersion]),
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': encodeHeaderValue(name) } : {}),
  }
}

export const statelessCourse: Course = { headers: statelessHeaders, resumable: false }

export function statelessLink(port: Port, hello: Hello, linkFor: LinkFor, deadline: number): Link {
  let nextId = 1
  let closed: Error | null = null
  let onNotification: ((notification: RpcNotification) => void) | undefined
  let listening = false
  const ended = new AbortController()

  const listen = () => {
    const wanted = wantedNews(hello.capabilities)
    if (listening || closed || !wanted) return
    listening = true
    void keepOpen({
      clock: port.clock,
      signal: ended.signal,
      interrupted: (error) =>
        port.log.debug({ server: port.target.name, err: error }, 'stream of news lost'),
      reopened: () => onNotification?.(LISTS_MAY_DIFFER),
      open: () => {
        const params = withEnvelope({ notifications: wanted }, linkFor)
        const message = requestMessage(nextId++, 'subscriptions/listen', params)
        return port.post(message, statelessHeaders(message), ended.signal, deadline, 0)
      },
      take: (message) => {
        if (message.kind === 'notification' && !ACKNOWLEDGED.has(message.notification.method))
          onNotification?.(message.notification)
        // An error says that the server does not offer the stream; a result, that it ended it and may offer it again.
        return message.kind !== 'reply' || message.reply.error === undefined
      },
    })
  }

  return {
    hello,
    get closed() {
      return closed
    },
    request: async (call) => {
      if (closed) throw closed
      return callOver(port, statelessCourse, nextId++, call, withEnvelope(call.params, linkFor))
    },
    notify: async (notification) => {
      if (closed) throw closed
      const params = withEnvelope(notification.params ?? {}, linkFor)
      const message = notificationMessage({ ...notification, params })
      await post(port, statelessHeaders(message), message)
    },
    onNotification: (listener) => {
      onNotification = listener
      listen()
    },
    // The era has no questions outside results.
    onQuestion: () => undefined,
    forward: async (forward) => {
      if (closed) throw closed
      const own =
        'mcp-protocol-version' in forward.headers
          ? {}
          : { 'mcp-protocol-version': hello.protocolVersion }
      return port.forward(forward, own)
    },
    close: async () => {
      closed ??= new AppError('server_closed', `The link to ${port.target.name} was closed.`)
      ended.abort(closed)
    },
  }
}

const ACKNOWLEDGED = new Set(['notifications/subscriptions/acknowledged'])

/** The changes of lists that the server says it announces; null when it announces none. */
function wantedNews(capabilities: JsonObject): JsonObject | null {
  const announces = (name: string) =>
    isObject(capabilities[name]) && capabilities[name].listChanged === true
  const wanted = {
    ...(announces('tools') ? { toolsListChanged: true } : {}),
    ...(announces('prompts') ? { promptsListChanged: true } : {}),
    ...(announces('resources') ? { resourcesListChanged: true } : {}),
  }
  return Object.keys(wanted).length > 0 ? wanted : null
}
