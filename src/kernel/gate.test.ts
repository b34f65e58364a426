import { expect, test } from 'vitest'
import { createGate } from './gate.ts'

function work() {
  const starts: string[] = []
  const ends = new Map<string, () => void>()
  return {
    starts,
    end: async (name: string) => {
      ends.get(name)?.()
      await new Promise((done) => setImmediate(done))
    },
    as: (name: string) => () =>
      new Promise<string>((resolve) => {
        starts.push(name)
        ends.set(name, () => resolve(name))
      }),
  }
}

test('only so many run at once; the others follow in order', async () => {
  const { starts, end, as } = work()
  const gate = createGate(2)
  const all = ['a', 'b', 'c', 'd'].map((name) => gate.run(as(name)))
  expect(starts).toEqual(['a', 'b'])
  await end('b')
  expect(starts).toEqual(['a', 'b', 'c'])
  await end('a')
  await end('c')
  await end('d')
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'])
  await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
})

test('who gives up while waiting does not run, and holds up nobody', async () => {
  const { starts, end, as } = work()
  const gate = createGate(1)
  const first = gate.run(as('a'))
  const stop = new AbortController()
  const second = gate.run(as('b'), stop.signal)
  const third = gate.run(as('c'))
  stop.abort(new Error('enough'))
  await expect(second).rejects.toThrow('enough')
  await expect(gate.run(as('d'), stop.signal)).rejects.toThrow('enough')
  await end('a')
  await end('c')
  expect(await Promise.all([first, third])).toEqual(['a', 'c'])
  expect(starts).toEqual(['a', 'c'])
})
