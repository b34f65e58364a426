import { describe, expect, it } from 'vitest'
import { createMemory, roomIn } from './memory.ts'

const KB = 1024

describe('room for large bodies', () => {
  it('is refused when the others hold it, and granted when one of them is done', () => {
    const memory = createMemory(100 * KB)
    const [first, second] = [
      roomIn(memory, 'ana', 'the request'),
      roomIn(memory, 'ben', 'the answer'),
    ]
    first.add(60 * KB)
    expect(() => second.add(60 * KB)).toThrow('no memory left for the answer')
    first.free()
    first.free()
    roomIn(memory, 'cem', 'the request').add(60 * KB)
    expect(() => roomIn(memory, 'cem', 'the request').add(60 * KB)).toThrow('no memory left')
  })

  it('is counted piece by piece, and not for small bodies', () => {
    const memory = createMemory(100 * KB)
    for (let n = 0; n < 1000; n++) roomIn(memory, 'cem', 'the request').add(16 * KB)
    const grows = roomIn(memory, 'cem', 'the answer')
    for (let n = 0; n < 10; n++) grows.add(10 * KB)
    expect(() => grows.add(1)).toThrow('no memory left for the answer')
    grows.free()
    roomIn(memory, 'cem', 'the answer').add(100 * KB)
  })

  it('is shared: one person holds a quarter of it at most, or a single body', () => {
    const memory = createMemory(100 * KB)
    roomIn(memory, 'ana', 'the request').add(20 * KB)
    expect(() => roomIn(memory, 'ana', 'the request').add(20 * KB)).toThrow('no memory left')
    roomIn(memory, 'ben', 'the request').add(60 * KB)
    const more = roomIn(memory, 'cem', 'the request')
    more.add(20 * KB)
    expect(() => roomIn(memory, 'dan', 'the request').add(20 * KB)).toThrow('no memory left')
    more.free()
    roomIn(memory, 'cem', 'the request').add(20 * KB)
  })
})
