import { describe, expect, it } from 'vitest'
import { classifyEra } from './classify-era.ts'
import { parseMessage } from './message.ts'

const message = (body: object) =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...body })))
const claim = (version: unknown) => ({
  _meta: { 'io.modelcontextprotocol/protocolVersion': version },
})

describe('the era of a request', () => {
  it('is stateless when the body claims a revision of that era, whatever the header says', () => {
    expect(
      classifyEra(message({ id: 1, method: 'tools/list', params: claim('2026-07-28') }), undefined),
    ).toBe('stateless')
    expect(
      classifyEra(
        message({ id: 1, method: 'tools/list', params: claim('2026-07-28') }),
        '2025-11-25',
      ),
    ).toBe('stateless')
  })

  it('is stateless when the claim is malformed: that is an error of the new era, not a request of the old', () => {
    expect(classifyEra(message({ id: 1, method: 'tools/list', params: claim(7) }), undefined)).toBe(
      'stateless',
    )
  })

  it('is stateless when only the header names such a revision', () => {
    expect(classifyEra(message({ id: 1, method: 'tools/list' }), '2026-07-28')).toBe('stateless')
    expect(classifyEra(message({ id: 1, method: 'tools/list' }), '2027-01-01')).toBe('stateless')
  })

  it('is session for initialize, for older headers, and for none', () => {
    expect(
      classifyEra(
        message({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } }),
        '2026-07-28',
      ),
    ).toBe('session')
    expect(classifyEra(message({ id: 1, method: 'tools/list' }), '2025-06-18')).toBe('session')
    expect(classifyEra(message({ id: 1, method: 'tools/list' }), undefined)).toBe('session')
    expect(classifyEra(message({ id: 1, method: 'tools/list' }), 'rubbish')).toBe('session')
  })

  it('is session for responses, which the stateless era does not know', () => {
    expect(classifyEra(message({ id: 1, result: {} }), '2026-07-28')).toBe('session')
  })
})

describe('parsing a message', () => {
  it('keeps the exact text of the id, however large the number', () => {
    const text = '{"jsonrpc":"2.0","id":12345678901234567890123,"method":"ping"}'
    expect(parseMessage(Buffer.from(text)).rawId).toBe('12345678901234567890123')
    expect(
      parseMessage(Buffer.from('{"jsonrpc":"2.0","id":"a\\u0000b","method":"ping"}')).rawId,
    ).toBe('"a\\u0000b"')
  })

  it.each([
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', /batch/],
    ['{"id":1,"method":"ping"}', /"jsonrpc" is not "2.0"/],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', /id is neither/],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', /id is neither/],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', /params is not an object/],
    ['{"jsonrpc":"2.0","id":1}', /neither a request/],
    ['{"jsonrpc":"2.0","method":7}', /neither a request/],
  ])('refuses %s', (text, why) => {
    expect(() => parseMessage(Buffer.from(text))).toThrow(why)
  })

  it('tells requests, notifications and responses apart', () => {
    expect(message({ id: 1, method: 'ping' }).kind).toBe('request')
    expect(message({ method: 'notifications/initialized' }).kind).toBe('notification')
    expect(message({ id: 1, error: { code: 1, message: 'x' } }).kind).toBe('response')
  })
})
