import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type SseEvent, sseEvents } from './sse-events.ts'

async function read(chunks: Iterable<Uint8Array>, limit?: number): Promise<SseEvent[]> {
  async function* body() {
    yield* chunks
  }
  const events: SseEvent[] = []
  for await (const event of sseEvents(body(), limit)) events.push(event)
  return events
}

const text = (value: string) => [Buffer.from(value)]

test('an event has its name, its data lines joined, its id and its retry time', async () => {
  const events = await read(
    text('event: message\nid: 7\nretry: 250\ndata: {"a":\ndata: 1}\n\ndata:x\n\n'),
  )
  expect(events).toEqual([
    { event: 'message', id: '7', retry: 250, data: '{"a":\n1}' },
    { event: 'message', data: 'x' },
  ])
})

test('comments are skipped, and an unfinished event at the end is not delivered', async () => {
  expect(await read(text(': keep-alive\n\ndata: a\n\ndata: lost'))).toEqual([
    { event: 'message', data: 'a' },
  ])
})

test('an id alone is delivered, so that a stream can be resumed from it', async () => {
  expect(await read(text('id: 3\n\n'))).toEqual([{ event: 'message', id: '3', data: '' }])
})

test('an id with NUL and a retry that is no number are ignored', async () => {
  expect(await read(text('id: a\0b\nretry: soon\ndata: x\n\n'))).toEqual([
    { event: 'message', data: 'x' },
  ])
})

test('however the bytes are cut, with any line ending, the events are the same', async () => {
  const lines = ['event: endpoint', 'data: /päth', '', ': c', 'id: 1', 'data: é€😀', 'data: b', '']
  const expected = await read(text(`${lines.join('\n')}\n`))
  expect(expected).toHaveLength(2)
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
      async (end, sizes) => {
        // A final LF, so that a CR at the very end is known to be complete.
        const bytes = Buffer.from(`${lines.map((line) => line + end).join('')}\n`)
        const chunks: Buffer[] = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length]!
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(await read(chunks)).toEqual(expected)
      },
    ),
    { numRuns: 200 },
  )
})

test('an event over the limit is garbage, in one line or in many', async () => {
  const long = text(`data: ${'x'.repeat(200)}\n\n`)
  await expect(read(long, 100)).rejects.toMatchObject({ code: 'server_garbage' })
  const many = text('data: 0123456789\n'.repeat(20))
  await expect(read(many, 100)).rejects.toMatchObject({ code: 'server_garbage' })
})

test('a long line in many pieces takes linear time', async () => {
  const piece = Buffer.alloc(64 * 1024, 'x')
  const started = performance.now()
  const events = await read([
    Buffer.from('data: '),
    ...Array.from({ length: 200 }, () => piece),
    Buffer.from('\n\n'),
  ])
  expect(events[0]?.data).toHaveLength(200 * piece.length)
  expect(performance.now() - started).toBeLessThan(3000)
})

test('lines of nothing without an end are garbage too', async () => {
  await expect(read(text('data:\n'.repeat(1000)), 100)).rejects.toMatchObject({
    code: 'server_garbage',
  })
})
