import { expect, test } from 'vitest'
import { parseMessages } from './parse-messages.ts'

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
const result = (value: string) => `{"jsonrpc":"2.0","id":1,"result":{"a":${value}}}`

test('a message is read, a batch is read, and anything else is nothing', () => {
  expect(parseMessages(result('"x"'))).toMatchObject([{ kind: 'reply', id: 1 }])
  expect(parseMessages(`[${result('1')},7]`)).toMatchObject([{ kind: 'reply' }, null])
  for (const text of ['', 'Listening on 8080', '{"a":', 'NaN'])
    expect(parseMessages(text)).toEqual([])
})

test('what is nested too deep to be written out again is not read', () => {
  expect(parseMessages(result(nested(300)))).toHaveLength(1)
  for (const depth of [600, 100_000]) expect(parseMessages(result(nested(depth)))).toEqual([])
  const objects = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`
  expect(parseMessages(result(objects))).toEqual([])
})

test('brackets inside strings do not count', () => {
  const text = JSON.stringify(`${'['.repeat(9000)}"\\`)
  expect(parseMessages(result(text))).toHaveLength(1)
  expect(parseMessages(result(`"\\\\",${nested(600)}`.replace(',', ',"b":')))).toEqual([])
})

test('a batch of a million members is not read', () => {
  expect(parseMessages(`[${'0,'.repeat(1_000_000)}0]`)).toEqual([])
})
