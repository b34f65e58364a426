import { expect, test } from 'vitest'
import { createTail, escapeControls } from './tail.ts'

test('only the end is kept, within the limit', () => {
  const tail = createTail(10)
  for (let i = 0; i < 100; i++) tail.push(Buffer.from(`line ${i}\n`))
  expect(tail.text()).toBe('8\nline 99\n')
  tail.push(Buffer.from('a very much longer text'))
  expect(tail.text()).toBe('onger text')
})

test('the secrets that the program was given are not shown, even when they came in pieces', () => {
  const tail = createTail(undefined, ['s3cr3t', 's3c\\r3t'])
  for (const piece of ['key=s3', 'cr3t {"key":"s3c', '\\r3t"}\n']) tail.push(Buffer.from(piece))
  expect(tail.text()).toBe('key=[redacted] {"key":"[redacted]"}\n')
  expect(tail.lines(1)).toBe('key=[redacted] {"key":"[redacted]"}')
})

test('the last lines are the last lines', () => {
  const tail = createTail()
  tail.push(Buffer.from('a\nb\nc\n\n'))
  expect(tail.lines(2)).toBe('b\nc')
})

test('what could command a terminal or hide text is shown, not obeyed', () => {
  expect(escapeControls('\u001b[2Jx\r\n\ty\u202ez\u0007\r')).toBe(
    '\\x1b[2Jx\n\ty\\x202ez\\x07\\x0d',
  )
})
