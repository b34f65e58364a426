import { expect, test, vi } from 'vitest'
import { AppError } from '../kernel/app-error.ts'
import type { LinkCall } from './link.ts'
import { answerTo, readMessage, withCallersProgressToken, withOwnProgressToken } from './rpc.ts'

const call = (params: LinkCall['params']): LinkCall => ({
  method: 'tools/call',
  params,
  signal: new AbortController().signal,
  deadline: 1000,
})

test('a message is told apart by what it has', () => {
  expect(readMessage({ jsonrpc: '2.0', id: 1, result: { a: 1 } })).toEqual({
    kind: 'reply',
    id: 1,
    reply: { result: { a: 1 } },
  })
  expect(readMessage({ id: 1, error: { code: -1, message: 'no', data: [1] } })).toMatchObject({
    kind: 'reply',
    reply: { error: { code: -1, message: 'no', data: [1] } },
  })
  expect(readMessage({ method: 'ping', id: 'x' })).toMatchObject({ kind: 'question', id: 'x' })
  expect(readMessage({ method: 'notifications/x', params: { b: 2 } })).toEqual({
    kind: 'notification',
    notification: { method: 'notifications/x', params: { b: 2 } },
  })
})

test('fields that nobody knows stay in a result', () => {
  const result = { content: [], later: { x: [1, null] }, _meta: { 'a/b': 1 } }
  expect(readMessage({ id: 1, result })).toMatchObject({ reply: { result } })
})

test('what is not JSON-RPC is nothing', () => {
  for (const value of [null, 1, 'text', [], {}, { hello: 'world' }, { level: 30, msg: 'log' }])
    expect(readMessage(value)).toBeNull()
})

test('an answer of the wrong form is broken, and still names its call', () => {
  expect(readMessage({ id: 4, result: 'text' })).toMatchObject({ kind: 'broken', id: 4 })
  expect(readMessage({ id: 4, error: { message: 'no code' } })).toMatchObject({ kind: 'broken' })
})

test('the progress token of a caller is replaced on the way out and restored on the way back', () => {
  const params = { name: 'x', _meta: { progressToken: 'theirs', other: 1 } }
  expect(withOwnProgressToken(params, 9)).toEqual({
    name: 'x',
    _meta: { progressToken: 9, other: 1 },
  })
  const progress = { method: 'notifications/progress', params: { progressToken: 9, progress: 1 } }
  expect(withCallersProgressToken(progress, call(params))).toEqual({
    method: 'notifications/progress',
    params: { progressToken: 'theirs', progress: 1 },
  })
})

test('progress that nobody asked for is dropped, other news passes', () => {
  const progress = { method: 'notifications/progress', params: { progressToken: 9 } }
  expect(withOwnProgressToken({ name: 'x' }, 9)).toEqual({ name: 'x' })
  expect(withCallersProgressToken(progress, call({}))).toBeNull()
  const log = { method: 'notifications/message', params: { level: 'info' } }
  expect(withCallersProgressToken(log, call({}))).toBe(log)
})

test('ping is answered at once, and a question that nobody can answer gets an error', async () => {
  const handler = vi.fn()
  expect(await answerTo({ method: 'ping' }, handler)).toEqual({ result: {} })
  expect(handler).not.toHaveBeenCalled()
  expect(await answerTo({ method: 'roots/list' }, undefined)).toMatchObject({
    error: { code: -32601 },
  })
})

test('a handler that fails tells the server no more than an error of ours would', async () => {
  const crash = () => Promise.reject(new Error('secret path /etc/x'))
  expect(JSON.stringify(await answerTo({ method: 'roots/list' }, crash))).not.toContain('secret')
  const known = () => Promise.reject(new AppError('gone', 'The client left.'))
  expect(await answerTo({ method: 'roots/list' }, known)).toEqual({
    error: { code: -32603, message: 'The client left.' },
  })
})
