// What changes in a request when client and server speak different eras, on the parsed path.
import { paramHeaders } from '../catalog/param-headers.ts'
import type { JsonObject } from '../kernel/mcp.ts'
import type { Link, LinkCall, RpcReply } from '../servers/link.ts'
import type { Call } from './gateway.ts'
import { clientCapabilities } from './link-for.ts'
import { isObject } from './message.ts'
import type { Target } from './resolve.ts'

const ENVELOPE =
  /^io\.modelcontextprotocol\/(protocolVersion|clientInfo|clientCapabilities|logLevel)$/
/** Rounds of questions in one call; a server that asks more is not going anywhere. */
const MOST_ROUNDS = 10

/** The server's own names, its own envelope, and the headers that mirror its arguments. */
export function requestFor(
  call: Call,
  target: Target,
  link: Link,
): Pick<LinkCall, 'params' | 'headers'> {
  const { params } = call.message
  const named =
    target.params ??
    (typeof params.name === 'string' && params.name !== target.name
      ? { ...params, name: target.name }
      : params)
  return {
    params: call.era === link.hello.era ? named : { ...named, ...metaFor(call, named._meta) },
    headers: target.tool ? paramHeaders(target.tool.definition.inputSchema, params.arguments) : {},
  }
}

/** A claim to the other era would make a server of both eras answer in it; capabilities tell a stateless one what it may ask. */
function metaFor({ era, session }: Call, meta: unknown): { _meta?: JsonObject } {
  const given = isObject(meta) ? meta : {}
  if (era === 'session') {
    return {
      _meta: {
        ...given,
        'io.modelcontextprotocol/clientCapabilities': clientCapabilities(
          session?.capabilities ?? {},
        ),
        ...(session?.logLevel ? { 'io.modelcontextprotocol/logLevel': session.logLevel } : {}),
      },
    }
  }
  const kept = Object.entries(given).filter(([key]) => !ENVELOPE.test(key))
  return kept.length > 0 ? { _meta: Object.fromEntries(kept) } : { _meta: {} }
}

/**
 * Sends the call; where a stateless server answers a session client with questions (2026-07-28 Multi Round-Trip
 * Requests), puts them to the client as requests of its own era and sends the call again with the answers.
 */
export async function requestAcross(call: Call, link: Link, request: LinkCall): Promise<RpcReply> {
  let { params } = request
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const reply = await link.request({ ...request, params })
    if (call.era !== 'session' || reply.result?.resultType !== 'input_required') return reply
    const { inputRequests, requestState } = reply.result
    const inputResponses = await answersTo(call, isObject(inputRequests) ? inputRequests : {})
    params = {
      ...request.params,
      inputResponses,
      ...(requestState === undefined ? {} : { requestState }),
    }
  }
  return {
    error: {
      code: -31000,
      message: `The server asked for more input ${MOST_ROUNDS} times; the call was given up.`,
    },
  }
}

async function answersTo(call: Call, questions: JsonObject): Promise<JsonObject> {
  const answers: JsonObject = {}
  for (const [name, question] of Object.entries(questions)) {
    if (!isObject(question) || typeof question.method !== 'string') continue
    const reply = await call.answer.ask({
      method: question.method,
      ...(isObject(question.params) ? { params: question.params } : {}),
    })
    // A client that refuses to answer declines; the server decides what that means.
    answers[name] = reply.result ?? { action: 'cancel' }
  }
  return answers
}
