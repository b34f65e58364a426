import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { manualClock } from '../kernel/manual-clock.ts'
import { createHeartbeats } from './heartbeats.ts'
import { openSse, type SseStream } from './sse.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A stream with a real client at its end; `read` false leaves everything in the socket. */
async function open({ read = true } = {}) {
  const clock = manualClock()
  const heartbeats = createHeartbeats(clock)
  const opened = Promise.withResolvers<{ stream: SseStream; res: ServerResponse }>()
  const server = createServer((_req, res) =>
    opened.resolve({ stream: openSse(res, heartbeats), res }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  let text = ''
  const req = request({ port: (server.address() as AddressInfo).port }, (reply) => {
    if (!read) return reply.pause()
    return reply.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  })
  req.on('error', () => undefined)
  req.end()
  closers.push(() => {
    req.destroy()
    server.closeAllConnections()
    server.close()
  })
  return {
    clock,
    heartbeats,
    ...(await opened.promise),
    text: () => text,
    hangUp: () => req.destroy(),
  }
}

describe('an event stream', () => {
  it('carries one message per event', async () => {
    const { stream, text } = await open()
    stream.send('{"a":1}')
    await vi.waitFor(() => expect(text()).toBe('event: message\ndata: {"a":1}\n\n'))
  })

  it('is kept alive by comments, until it ends', async () => {
    const { clock, stream, text } = await open()
    clock.advance(30_000)
    await vi.waitFor(() => expect(text()).toBe(':\n\n:\n\n'))
    stream.end()
    expect(stream.closed).toBe(true)
    clock.advance(60_000)
    expect(text()).toBe(':\n\n:\n\n')
  })

  it('tells when the client is gone', async () => {
    const { stream, hangUp } = await open()
    const gone = new Promise<void>((resolve) => stream.onClose(resolve))
    hangUp()
    await gone
    expect(stream.closed).toBe(true)
    stream.send('{}')
  })

  it('is closed from the start when the client went away before, and never beats', async () => {
    const { clock, heartbeats, stream, res, hangUp } = await open()
    const gone = new Promise<void>((resolve) => stream.onClose(resolve))
    hangUp()
    await gone
    const late = openSse(res, heartbeats)
    expect(late.closed).toBe(true)
    const write = vi.spyOn(res, 'write')
    clock.advance(60_000)
    late.send('{}')
    late.end()
    expect(write).not.toHaveBeenCalled()
  })

  it('that was ended by somebody else says nothing more, before its client has read it all', async () => {
    const { clock, stream, res } = await open()
    const failed = vi.fn()
    res.on('error', failed)
    res.end()
    clock.advance(30_000)
    stream.send('{}')
    await new Promise<void>((resolve) => res.on('close', resolve))
    expect(failed).not.toHaveBeenCalled()
  })

  it('is cut when its client does not read, before it fills the memory', async () => {
    const { stream, res } = await open({ read: false })
    const piece = JSON.stringify('x'.repeat(256 * 1024))
    for (let i = 0; i < 200 && !res.destroyed; i++) stream.send(piece)
    expect(res.destroyed).toBe(true)
    expect(res.writableLength).toBeLessThan(4 * 1024 * 1024)
  })
})
