// `Mcp-Param-*` headers must agree with the arguments they mirror (2026-07-28 Custom Headers from Tool Parameters).
import type { IncomingHttpHeaders } from 'node:http'
import { decodeHeaderValue } from '../../../catalog/header-value.ts'
import { paramHeaders, paramHeadersOf } from '../../../catalog/param-headers.ts'
import type { JsonObject } from '../../../kernel/mcp.ts'
import { RpcFailure } from '../../rpc-error.ts'

/** Most tools declare none: found out once per schema. */
const declares = new WeakMap<JsonObject, boolean>()

/** @throws RpcFailure -32020 with HTTP 400 */
export function checkParamHeaders(
  schema: JsonObject,
  args: unknown,
  headers: IncomingHttpHeaders,
): void {
  let any = declares.get(schema)
  if (any === undefined) {
    const declared = paramHeadersOf(schema)
    any = 'headers' in declared && declared.headers.length > 0
    declares.set(schema, any)
  }
  if (!any) return
  for (const [name, wanted] of Object.entries(paramHeaders(schema, args))) {
    const sent = headers[name]
    if (typeof sent !== 'string') throw mismatch(name, 'is missing')
    const value = decodeHeaderValue(sent)
    if (value === null || !same(value, decodeHeaderValue(wanted) ?? wanted))
      throw mismatch(name, 'differs from the argument')
  }
}

/** Integers are compared by value: 42.0 is 42. */
const same = (sent: string, wanted: string) =>
  sent === wanted ||
  (/^-?\d+(\.\d+)?$/.test(sent) && /^-?\d+$/.test(wanted) && Number(sent) === Number(wanted))

const mismatch = (header: string, how: string) =>
  new RpcFailure(
    -32020,
    `Bad Request: the request headers and body disagree: the ${header} header ${how}.`,
    {
      status: 400,
      data: { mismatch: { header } },
    },
  )
