// `Mcp-Param-*` headers must agree with the arguments they mirror (2026-07-28 Custom Headers from Tool Parameters).
import type { IncomingHttpHeaders } from 'node:http'
import type { JsonObject } from '../../../kernel/mcp.ts'
import { isObject } from '../../message.ts'
import { RpcFailure } from '../../rpc-error.ts'
import { decodeHeader } from './envelope.ts'

/** @throws RpcFailure -32020 with HTTP 400 */
export function checkParamHeaders(
  schema: JsonObject,
  args: unknown,
  headers: IncomingHttpHeaders,
): void {
  for (const { path, header } of declared(schema, [])) {
    const value = path.reduce<unknown>(
      (node, key) => (isObject(node) ? node[key] : undefined),
      args,
    )
    if (value === undefined || value === null || typeof value === 'object') continue
    const name = `mcp-param-${header.toLowerCase()}`
    const sent = headers[name]
    const shown = `${path.join('.')}=${JSON.stringify(value)}`
    if (typeof sent !== 'string')
      throw mismatch(name, `the body carries ${shown} but the ${name} header is missing`)
    const decoded = decodeHeader(sent)
    const same =
      decoded !== null &&
      (decoded === String(value) ||
        (typeof value === 'number' && /^-?\d+(\.\d+)?$/.test(decoded) && Number(decoded) === value))
    if (!same) throw mismatch(name, `the body carries ${shown} but the ${name} header differs`)
  }
}

const mismatch = (header: string, body: string) =>
  new RpcFailure(-32020, `Bad Request: the request headers and body disagree: ${body}`, {
    status: 400,
    data: { mismatch: { header, body } },
  })

/** Only chains of `properties` count; invalid declarations hide their tool when the catalogue is built. */
function declared(schema: JsonObject, path: string[]): { path: string[]; header: string }[] {
  const here =
    typeof schema['x-mcp-header'] === 'string' && path.length > 0
      ? [{ path, header: schema['x-mcp-header'] }]
      : []
  if (!isObject(schema.properties)) return here
  return [
    ...here,
    ...Object.entries(schema.properties).flatMap(([key, child]) =>
      isObject(child) ? declared(child, [...path, key]) : [],
    ),
  ]
}
