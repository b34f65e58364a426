import { describe, expect, it } from 'vitest'
import { createStreams } from './streams.ts'

describe('the register of open streams', () => {
  const owner = { principalId: 'grt_1', userId: 'usr_1' }

  it('closes the streams of one grant and leaves those of another alone', () => {
    const streams = createStreams()
    const closed: string[] = []
    streams.add(owner, () => closed.push('first'))
    streams.add({ principalId: 'grt_2', userId: 'usr_1' }, () => closed.push('second'))
    streams.closeOf('grt_1')
    expect(closed).toEqual(['first'])
    streams.closeOf('usr_1')
    expect(closed.filter((name) => name === 'second')).toHaveLength(1)
  })

  it('forgets a stream that ended by itself, however often it is told', () => {
    const streams = createStreams()
    const closed: string[] = []
    const off = streams.add(owner, () => closed.push('x'))
    expect(streams.size).toBe(1)
    off()
    off()
    expect(streams.size).toBe(0)
    streams.closeOf('grt_1')
    expect(closed).toEqual([])
  })

  it('has no room for one more of a person who holds as many as allowed, by whatever credential', () => {
    const streams = createStreams(2)
    const off = streams.add(owner, () => undefined)
    streams.add({ principalId: 'key_1', userId: 'usr_1' }, () => undefined)
    const third = { principalId: 'key_2', userId: 'usr_1' }
    expect(() => streams.checkRoom(third)).toThrow('2 event streams')
    expect(() => streams.checkRoom({ principalId: 'key_3', userId: 'usr_2' })).not.toThrow()
    off()
    expect(() => streams.checkRoom(third)).not.toThrow()
  })

  it('survives a stream that takes itself off while it is being closed', () => {
    const streams = createStreams()
    let closed = 0
    const offs: (() => void)[] = []
    for (let i = 0; i < 3; i++) {
      const off = streams.add(owner, () => {
        closed++
        off()
      })
      offs.push(off)
    }
    streams.closeAll()
    expect(closed).toBe(3)
    expect(streams.size).toBe(0)
  })
})
