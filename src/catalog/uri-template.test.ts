import { expect, test } from 'vitest'
import { templateMatcher } from './uri-template.ts'

const cases: [string, string[], string[]][] = [
  ['file:///{path}', ['file:///a', 'file:///a/b.txt'], ['http://a', 'file:/a']],
  ['db://{table}/rows/{id}', ['db://users/rows/7'], ['db://users/7', 'db://rows/']],
  ['x://a{?q,p}', ['x://a?q=1', 'x://a'], ['x://b?q=1']],
  ['x://{id}/end', ['x://1/end', 'x:///end'], ['x://1/end2', 'x://end']],
  ['x://exact', ['x://exact'], ['x://exact2', 'x://exac']],
]
for (const [template, good, bad] of cases) {
  test(`${template} knows its URIs`, () => {
    const matches = templateMatcher(template)
    for (const uri of good) expect(matches(uri), uri).toBe(true)
    for (const uri of bad) expect(matches(uri), uri).toBe(false)
  })
}

test('the beginning and the end of a URI are not counted twice', () => {
  expect(templateMatcher('aba{x}aba')('aba')).toBe(false)
  expect(templateMatcher('aba{x}aba')('abaaba')).toBe(true)
})

test('no template and no URI take long', () => {
  const started = performance.now()
  const matches = templateMatcher(`x://${'{a}a'.repeat(2000)}`)
  for (let i = 0; i < 50; i++) matches(`x://${'a'.repeat(8000)}b`)
  expect(performance.now() - started).toBeLessThan(1000)
})
