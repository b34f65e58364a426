// What every request of the stateless era carries, and how a server shows which era it speaks
// (MCP 2026-07-28, Overview > _meta; Versioning > backward compatibility).
import { z } from 'zod'
import { AppError } from '../kernel/app-error.ts'
import { type JsonObject, SESSION_VERSIONS, STATELESS_VERSIONS } from '../kernel/mcp.ts'
import type { Hello, LinkFor, RpcReply } from './link.ts'
import { isObject } from './rpc.ts'

export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const

const UNSUPPORTED_VERSION = -32022

/** `params` with the envelope; what the caller has already put there stays. */
export function withEnvelope(params: JsonObject, linkFor: LinkFor): JsonObject {
  const meta = isObject(params._meta) ? params._meta : {}
  return {
    ...params,
    _meta: {
      [META.protocolVersion]: STATELESS_VERSIONS[0],
      [META.clientInfo]: linkFor.clientInfo,
      [META.clientCapabilities]: linkFor.capabilities,
      ...meta,
    },
  }
}

export const initializeParams = (linkFor: LinkFor): JsonObject => ({
  protocolVersion: SESSION_VERSIONS[0],
  capabilities: linkFor.capabilities,
  clientInfo: linkFor.clientInfo,
})

const looseInfo = z.looseObject({ name: z.string(), version: z.string() })
const unknownInfo = { name: 'unknown', version: 'unknown' }
const discoverResult = z.looseObject({
  supportedVersions: z.array(z.string()),
  capabilities: z.record(z.string(), z.unknown()),
  instructions: z.string().optional().catch(undefined),
})
const initializeResult = z.looseObject({
  protocolVersion: z.string(),
  capabilities: z.record(z.string(), z.unknown()).catch({}),
  serverInfo: looseInfo.catch(unknownInfo),
  instructions: z.string().optional().catch(undefined),
})

/** The verdict of one `server/discover` answer; `legacy` says nothing but that `initialize` is worth a try. */
export function readDiscovery(reply: RpcReply): { hello: Hello } | 'legacy' {
  if (reply.error) {
    const supported = supportedVersions(reply.error.data)
    if (reply.error.code !== UNSUPPORTED_VERSION || !supported) return 'legacy'
    if (supported.some((version) => SESSION_VERSIONS.some((ours) => ours === version)))
      return 'legacy'
    throw versionMismatch(supported)
  }
  const parsed = discoverResult.safeParse(reply.result)
  if (!parsed.success) return 'legacy'
  const { supportedVersions: versions, capabilities, instructions, ...rest } = parsed.data
  const version = STATELESS_VERSIONS.find((ours) => versions.includes(ours))
  if (!version) {
    if (versions.some((theirs) => SESSION_VERSIONS.some((ours) => ours === theirs))) return 'legacy'
    throw versionMismatch(versions)
  }
  const meta = isObject(rest._meta) ? rest._meta : {}
  const info = looseInfo.safeParse(meta[META.serverInfo] ?? rest.serverInfo)
  return {
    hello: {
      era: 'stateless',
      protocolVersion: version,
      serverInfo: info.success ? info.data : unknownInfo,
      capabilities,
      ...(instructions === undefined ? {} : { instructions }),
    },
  }
}

/** @throws AppError server_garbage when the server speaks no revision that we do, or refuses `initialize` */
export function readInitialized(reply: RpcReply, serverName: string): Hello {
  if (reply.error) {
    throw new AppError(
      'server_garbage',
      `${serverName} refused initialize: ${reply.error.message || 'no reason given'} (${reply.error.code}).`,
      { remedy: 'Check that the address or command is the one of an MCP server.' },
    )
  }
  const parsed = initializeResult.safeParse(reply.result)
  if (!parsed.success) {
    throw new AppError(
      'server_garbage',
      `${serverName} answered initialize without a protocol version.`,
      {
        remedy: 'Check that the address or command is the one of an MCP server.',
      },
    )
  }
  const { protocolVersion, serverInfo, capabilities, instructions } = parsed.data
  if (!SESSION_VERSIONS.some((version) => version === protocolVersion))
    throw versionMismatch([protocolVersion])
  return {
    era: 'session',
    protocolVersion,
    serverInfo,
    capabilities,
    ...(instructions === undefined ? {} : { instructions }),
  }
}

function supportedVersions(data: unknown): string[] | null {
  const list = isObject(data) ? data.supported : undefined
  return Array.isArray(list) && list.every((v) => typeof v === 'string') ? list : null
}

const versionMismatch = (theirs: readonly string[]) =>
  new AppError(
    'server_garbage',
    `The server speaks MCP ${theirs.join(', ') || 'of an unknown revision'}; this gateway speaks ${[...STATELESS_VERSIONS, ...SESSION_VERSIONS].join(', ')}.`,
    { remedy: 'Update whichever of the two is older.' },
  )
