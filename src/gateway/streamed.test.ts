import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTap } from './streamed.ts'

function seen(text: string, cuts: number[] = []) {
  const tap = createTap()
  const bytes = Buffer.from(text)
  let from = 0
  for (const cut of [...cuts.map((c) => c % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  )) {
    if (cut > from) tap.see(bytes.subarray(from, cut))
    from = Math.max(from, cut)
  }
  return tap.outcome()
}

const result = (body: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, result: body })

describe('the tap on a streamed reply', () => {
  it('takes a plain result for ok and counts its bytes', () => {
    const text = result({ content: [{ type: 'text', text: 'hello' }] })
    expect(seen(text)).toEqual({ outcome: 'ok', bytesOut: Buffer.byteLength(text) })
  })

  it('finds isError wherever the chunks are cut', () => {
    const text = result({ content: [{ type: 'text', text: 'é'.repeat(50) }], isError: true })
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { maxLength: 8 }),
        (cuts) => seen(text, cuts).outcome === 'error',
      ),
    )
  })

  it('is not taken in by a text that talks about isError', () => {
    expect(
      seen(
        result({
          content: [{ type: 'text', text: 'it said "isError":true and "error":{"code":1}' }],
        }),
      ).outcome,
    ).toBe('ok')
    expect(seen(result({ isError: false })).outcome).toBe('ok')
  })

  it('finds an error that the server answered', () => {
    expect(seen('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}')).toMatchObject({
      outcome: 'error',
      reason: 'the server answered an error',
    })
  })
})
