import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { eventCodes } from './codes.ts'

const src = join(import.meta.dirname, '..')

/** Dotted literals that stand after `code:`, also in a conditional or in a union of types. */
function codesIn(text: string): string[] {
  const places = text.matchAll(/\bcode\??:\s*((?:[^,\n;}]|\n\s*[|?:])*)/g)
  return [...places].flatMap(([, value]) =>
    [...value!.matchAll(/'([a-z_]+\.[a-z_]+)'/g)].map((match) => match[1]!),
  )
}

it('the scan finds codes however they are written', () => {
  expect(codesIn(`{ code: 'a.b', x: 'c.d' }`)).toEqual(['a.b'])
  expect(codesIn(`code: ok ? 'a.b' : 'c.d',`)).toEqual(['a.b', 'c.d'])
  expect(codesIn(`code:\n    | 'a.b'\n    | 'c.d'\n  other: 'e.f'`)).toEqual(['a.b', 'c.d'])
  expect(codesIn(`code: ok\n  ? 'a.b'\n  : 'c.d',`)).toEqual(['a.b', 'c.d'])
  expect(codesIn(`code: 'not_found'`)).toEqual([])
})

it('every event code in the sources is in the table', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  )
  const used = files.flatMap((file) =>
    codesIn(readFileSync(join(src, file), 'utf8')).map((code) => ({ code, file })),
  )
  expect(used.map(({ code }) => code)).toContain('gateway.key_created')
  expect(used.filter(({ code }) => !(code in eventCodes))).toEqual([])
})

it('codes and meanings have one form', () => {
  for (const [code, { meaning }] of Object.entries(eventCodes)) {
    expect(code).toMatch(/^[a-z_]+\.[a-z_]+$/)
    expect(meaning).toMatch(/^[A-Z].*\.$/)
  }
})
