import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { encodeHeaderValue as headerValue } from '../../../catalog/header-value.ts'
import { parseMessage } from '../../message.ts'
import { RpcFailure } from '../../rpc-error.ts'
import { checkEnvelope } from './envelope.ts'
import { checkParamHeaders } from './param-headers.ts'

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const HEADERS: IncomingHttpHeaders = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'echo',
}

function failure(
  body: object,
  headers: IncomingHttpHeaders = HEADERS,
): { code: number; status: number } | null {
  const message = parseMessage(
    Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', ...body })),
  )
  try {
    checkEnvelope(message, headers)
    return null
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error
    return { code: error.error.code, status: error.status }
  }
}

describe('the envelope of a stateless request', () => {
  it('passes when headers and body agree', () => {
    expect(failure({ params: { name: 'echo', _meta: META } })).toBeNull()
    expect(
      failure({ params: { name: 'echo', _meta: META } }, { ...HEADERS, 'mcp-name': ' echo\t' }),
    ).toBeNull()
  })

  it('is refused as invalid params without _meta, or with a part of it missing or malformed', () => {
    expect(failure({ params: { name: 'echo' } })).toEqual({ code: -32602, status: 400 })
    for (const key of Object.keys(META)) {
      const meta = Object.fromEntries(Object.entries(META).filter(([k]) => k !== key))
      expect(failure({ params: { name: 'echo', _meta: meta } }), key).toEqual({
        code: -32602,
        status: 400,
      })
    }
    expect(
      failure({
        params: {
          name: 'echo',
          _meta: { ...META, 'io.modelcontextprotocol/clientCapabilities': [] },
        },
      }),
    ).toEqual({ code: -32602, status: 400 })
    expect(
      failure({
        params: { name: 'echo', _meta: { ...META, 'io.modelcontextprotocol/clientInfo': 'me' } },
      }),
    ).toEqual({ code: -32602, status: 400 })
  })

  it.each([
    ['no version header', { 'mcp-protocol-version': undefined }],
    ['another version header', { 'mcp-protocol-version': '2026-07-29' }],
    ['no method header', { 'mcp-method': undefined }],
    ['another method header', { 'mcp-method': 'tools/list' }],
    ['the method in other letters', { 'mcp-method': 'Tools/Call' }],
    ['no name header', { 'mcp-name': undefined }],
    ['another name header', { 'mcp-name': 'delete_all' }],
    ['a name header that is not Base64', { 'mcp-name': '=?base64?%%%?=' }],
  ])('is refused as a header mismatch with %s', (_, over) => {
    expect(
      failure({ params: { name: 'echo', _meta: META } }, {
        ...HEADERS,
        ...over,
      } as IncomingHttpHeaders),
    ).toEqual({ code: -32020, status: 400 })
  })

  it('names the supported revisions when the one asked for is not among them', () => {
    const meta = { ...META, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' }
    expect(
      failure(
        { params: { name: 'echo', _meta: meta } },
        { ...HEADERS, 'mcp-protocol-version': '2099-01-01' },
      ),
    ).toEqual({ code: -32022, status: 400 })
  })

  it('compares names after decoding', () => {
    expect(
      failure(
        { params: { name: '日本', _meta: META } },
        { ...HEADERS, 'mcp-name': headerValue('日本') },
      ),
    ).toBeNull()
  })
})

describe('parameter headers', () => {
  const schema = {
    type: 'object',
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      page: { type: 'integer', 'x-mcp-header': 'Page' },
      deep: { type: 'object', properties: { flag: { type: 'boolean', 'x-mcp-header': 'Flag' } } },
      free: { type: 'string' },
    },
  }
  const check = (args: unknown, headers: IncomingHttpHeaders) => () =>
    checkParamHeaders(schema, args, headers)

  it('pass when they mirror the arguments, numbers by value', () => {
    expect(
      check(
        { region: 'eu', page: 42, deep: { flag: true }, free: 'x' },
        { 'mcp-param-region': 'eu', 'mcp-param-page': '42.0', 'mcp-param-flag': 'true' },
      ),
    ).not.toThrow()
    expect(check({ region: 'é' }, { 'mcp-param-region': headerValue('é') })).not.toThrow()
  })

  it('are not needed for arguments that are absent or null', () => {
    expect(check({ region: null }, {})).not.toThrow()
    expect(check(undefined, {})).not.toThrow()
  })

  it('are refused when missing or different', () => {
    expect(check({ region: 'eu' }, {})).toThrow(/header is missing/)
    expect(check({ region: 'eu' }, { 'mcp-param-region': 'us' })).toThrow(/differs/)
    expect(check({ deep: { flag: true } }, { 'mcp-param-flag': 'True' })).toThrow(/differs/)
  })
})
