// Each defence is switched off in turn: a test that does not notice proves nothing, and is named here.
import { afterAll, describe, expect, it } from 'vitest'
import { areas } from '../defences/areas.ts'
import { type Copy, copyOfRepository } from '../defences/switch-off.ts'

/** As many at once as there are copies. */
const copies = [copyOfRepository(), copyOfRepository()]
const free = [...copies]
const waiting: ((copy: Copy) => void)[] = []
afterAll(() => {
  for (const copy of copies) copy.remove()
})

async function withCopy<T>(use: (copy: Copy) => Promise<T>): Promise<T> {
  const copy = free.pop() ?? (await new Promise<Copy>((resolve) => waiting.push(resolve)))
  try {
    return await use(copy)
  } finally {
    const next = waiting.shift()
    if (next) next(copy)
    else free.push(copy)
  }
}

describe.each([...(await areas())])('of the area %s', (_area, defences) => {
  it.concurrent.each(defences)('$row: without it, "$title" fails', async (defence) => {
    expect(await withCopy((copy) => copy.switchOff(defence))).toBe('noticed')
  })
})
