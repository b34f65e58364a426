import Ajv from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { jsonSchema, options, sections } from './options.ts'

describe('the JSON Schema of mooring.yaml', () => {
  const check = new Ajv.default({ strict: false }).compile(jsonSchema())

  it('accepts what people write', () => {
    expect(check({})).toBe(true)
    const file = {
      port: 1,
      auth: { 'access-token-ttl': '15m' },
      limits: { 'request-bytes': '4MB' },
    }
    expect(check(file)).toBe(true)
  })

  it.each([
    [{ prot: 1 }],
    [{ port: 'x' }],
    [{ auth: { 'access-token-ttl': 'soon' } }],
    [{ sandbox: 'maybe' }],
    [{ auth: { registration: 'yes' } }],
  ])('refuses %j', (file) => {
    expect(check(file)).toBe(false)
  })

  it('describes every setting', () => {
    const text = JSON.stringify(jsonSchema())
    for (const { about } of options) expect(text).toContain(JSON.stringify(about))
  })
})

describe('the options', () => {
  it('have groups one level deep', () => {
    expect([...sections].sort()).toEqual(['auth', 'limits', 'logs'])
    for (const { path } of options) expect(path.length).toBeLessThanOrEqual(2)
  })

  it('keep database URL and key secret', () => {
    expect(options.filter(({ secret }) => secret).map(({ key }) => key)).toEqual(['db', 'key'])
  })
})
