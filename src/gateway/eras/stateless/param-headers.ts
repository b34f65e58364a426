// `Mcp-Param-*` headers must agree with the arguments they mirror (2026-07-28 Custom Headers from Tool Parameters).
import type { IncomingHttpHeaders } from 'node:http'
import { decodeHeaderValue } from '../../../catalog/header-value.ts'
import { paramHeaders, paramHeadersOf } from '../../../catalog/param-headers.ts'
import type { JsonObject } from '../../../kernel/mcp.ts'
import { RpcFailure } from '../../rpc-error.ts'

/** The headers that a tool declares, most none: found out once per schema. */
const declared = new WeakMap<JsonObject, readonly string[]>()

/** @throws RpcFailure -32020 with HTTP 400 */
export function checkParamHeaders(
  schema: JsonObject,
  args: unknown,
  headers: IncomingHttpHeaders,
): void {
  let names = declared.get(schema)
  if (names === undefined) {
    const found = paramHeadersOf(schema)
    names = 'headers' in found ? found.headers.map(nameOf) : []
    declared.set(schema, names)
  }
  if (names.length === 0) return
  const expected = paramHeaders(schema, args)
  for (const name of names) {
    const sent = headers[name]
    const wanted = expected[name]
    if (wanted === undefined) {
      if (sent !== undefined) throw mismatch(name, 'mirrors an argument that is not there')
      continue
    }
    if (typeof sent !== 'string') throw mismatch(name, 'is missing')
    const value = decodeHeaderValue(sent)
    if (value === null || !same(value, decodeHeaderValue(wanted) ?? wanted))
      throw mismatch(name, 'differs from the argument')
  }
}

const nameOf = ({ name }: { name: string }) => `mcp-param-${name.toLowerCase()}`

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
