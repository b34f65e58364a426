import { expect, test } from 'vitest'
import { META, readDiscovery, readInitialized, withEnvelope } from './envelope.ts'

const linkFor = {
  affinity: 'shared',
  clientInfo: { name: 'mooring', version: '1' },
  capabilities: { sampling: {} },
}

test('the envelope is added, and what the caller has put there stays', () => {
  expect(withEnvelope({ name: 'x', _meta: { traceparent: 't' } }, linkFor)).toEqual({
    name: 'x',
    _meta: {
      traceparent: 't',
      [META.protocolVersion]: '2026-07-28',
      [META.clientInfo]: linkFor.clientInfo,
      [META.clientCapabilities]: { sampling: {} },
    },
  })
  const own = { _meta: { [META.clientCapabilities]: { elicitation: {} } } }
  expect(withEnvelope(own, linkFor)._meta).toMatchObject(own._meta)
})

test('a discovery result with our version is the stateless era', () => {
  const reply = {
    result: {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      instructions: 'Be kind.',
      _meta: { [META.serverInfo]: { name: 's', version: '1', title: 'S' } },
    },
  }
  expect(readDiscovery(reply)).toEqual({
    hello: {
      era: 'stateless',
      protocolVersion: '2026-07-28',
      serverInfo: { name: 's', version: '1', title: 'S' },
      capabilities: { tools: {} },
      instructions: 'Be kind.',
    },
  })
})

test('any error that is not a modern one, and any strange result, is worth an initialize', () => {
  const errors = [-32601, -32600, -32000, -32001, -32020, -32021, 0].map((code) => ({
    error: { code, message: 'no' },
  }))
  for (const reply of [...errors, { result: {} }, { result: { supportedVersions: 'x' } }])
    expect(readDiscovery(reply)).toBe('legacy')
})

test('a modern error never leads to initialize, unless it names a revision of the session era', () => {
  const refusal = (supported: unknown) => ({
    error: { code: -32022, message: 'Unsupported', data: { supported } },
  })
  expect(() => readDiscovery(refusal(['2027-01-01']))).toThrow('2027-01-01')
  expect(readDiscovery(refusal(['2025-11-25']))).toBe('legacy')
  expect(readDiscovery(refusal('nonsense'))).toBe('legacy')
})

test('initialize is accepted in every revision that we speak, even without server information', () => {
  for (const protocolVersion of ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']) {
    expect(readInitialized({ result: { protocolVersion } }, 'notes')).toMatchObject({
      era: 'session',
      protocolVersion,
      serverInfo: { name: 'unknown' },
      capabilities: {},
    })
  }
})

test('a refused initialize, a missing version and an unknown one are garbage, with the reason', () => {
  const refuse = { error: { code: -32600, message: 'go away' } }
  expect(() => readInitialized(refuse, 'notes')).toThrow('notes refused initialize: go away')
  expect(() => readInitialized({ result: {} }, 'notes')).toThrow('without a protocol version')
  const old = { result: { protocolVersion: '2023-01-01' } }
  expect(() => readInitialized(old, 'notes')).toThrow('2023-01-01')
})
