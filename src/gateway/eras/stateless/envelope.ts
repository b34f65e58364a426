// What every request of the stateless era has to carry (2026-07-28 Overview > _meta; Streamable HTTP > Request Metadata).
import type { IncomingHttpHeaders } from 'node:http'
import { decodeHeaderValue } from '../../../catalog/header-value.ts'
import { STATELESS_VERSIONS } from '../../../kernel/mcp.ts'
import { metaOf, PROTOCOL_VERSION_KEY } from '../../classify-era.ts'
import { isObject, type Message } from '../../message.ts'
import { RpcFailure } from '../../rpc-error.ts'

const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities'
const CLIENT_INFO_KEY = 'io.modelcontextprotocol/clientInfo'
const NAMED: Record<string, 'name' | 'uri' | 'taskId'> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

const mismatch = (header: string, body: string) =>
  new RpcFailure(-32020, `Bad Request: the request headers and body disagree: ${body}`, {
    status: 400,
    data: { mismatch: { header, body } },
  })

const invalid = (message: string) => new RpcFailure(-32602, message, { status: 400 })

/** @throws RpcFailure -32602, -32020 or -32022 with HTTP 400 */
export function checkEnvelope(message: Message, headers: IncomingHttpHeaders): void {
  const version = trimmed(headers['mcp-protocol-version'])
  const meta = metaOf(message)
  const claimed = meta?.[PROTOCOL_VERSION_KEY]
  if (message.kind === 'notification') {
    if (typeof claimed === 'string' && version !== undefined && version !== claimed)
      throw mismatch(version, `the body names protocol version ${claimed}`)
    return
  }
  if (!meta)
    throw invalid(
      `Invalid params: _meta with ${PROTOCOL_VERSION_KEY} and ${CAPABILITIES_KEY} is required.`,
    )
  const missing = [PROTOCOL_VERSION_KEY, CAPABILITIES_KEY].filter((key) => meta[key] === undefined)
  if (missing.length > 0) throw invalid(`Invalid params: _meta lacks ${missing.join(' and ')}.`)
  if (typeof claimed !== 'string')
    throw invalid(`Invalid params: _meta ${PROTOCOL_VERSION_KEY} is not a string.`)
  if (!isObject(meta[CAPABILITIES_KEY]))
    throw invalid(`Invalid params: _meta ${CAPABILITIES_KEY} is not an object.`)
  checkClientInfo(meta[CLIENT_INFO_KEY])
  if (version === undefined)
    throw mismatch(
      '(missing)',
      `the body names protocol version ${claimed} but the MCP-Protocol-Version header is missing`,
    )
  if (version !== claimed)
    throw mismatch(
      version,
      `the body names protocol version ${claimed} but the header names ${version}`,
    )
  if (!(STATELESS_VERSIONS as readonly string[]).includes(claimed)) {
    throw new RpcFailure(-32022, `Unsupported protocol version: ${claimed}`, {
      status: 400,
      data: { supported: [...STATELESS_VERSIONS], requested: claimed },
    })
  }
  const method = trimmed(headers['mcp-method'])
  if (method === undefined)
    throw mismatch(
      '(missing)',
      `the body names method ${message.method} but the Mcp-Method header is missing`,
    )
  if (method !== message.method) throw mismatch(method, `the body names method ${message.method}`)
  checkName(message, trimmed(headers['mcp-name']))
}

function checkClientInfo(info: unknown): void {
  if (info === undefined) return
  if (!isObject(info) || typeof info.name !== 'string' || typeof info.version !== 'string') {
    throw invalid(`Invalid params: _meta ${CLIENT_INFO_KEY} needs a name and a version.`)
  }
}

function checkName(message: Message, header: string | undefined): void {
  const field = NAMED[message.method]
  if (!field) return
  const value = message.params[field]
  if (header === undefined) {
    if (typeof value === 'string')
      throw mismatch(
        '(missing)',
        `the body carries params.${field} but the Mcp-Name header is missing`,
      )
    return
  }
  const decoded = decodeHeaderValue(header)
  if (decoded === null)
    throw mismatch(header, 'the Mcp-Name header carries an invalid Base64 value')
  if (typeof value === 'string' && decoded !== value)
    throw mismatch(
      header,
      `the body carries params.${field} "${value}" but the Mcp-Name header names "${decoded}"`,
    )
}

function trimmed(value: string | string[] | undefined): string | undefined {
  if (typeof value !== 'string') return undefined
  let from = 0
  let to = value.length
  while (isBlank(value[from])) from++
  while (to > from && isBlank(value[to - 1])) to--
  return value.slice(from, to)
}

const isBlank = (character: string | undefined) => character === ' ' || character === '\t'
