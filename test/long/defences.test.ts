// Each defence is switched off in turn: a test that does not notice proves nothing, and is named here.
import { afterAll, describe, expect, it } from 'vitest'
import { areas } from '../defences/areas.ts'
import { copyOfRepository } from '../defences/switch-off.ts'

const copy = copyOfRepository()
afterAll(() => copy.remove())

describe.each([...(await areas())])('of the area %s', (_area, defences) => {
  it.each(defences)('$row: without it, "$title" fails', async (defence) => {
    expect(await copy.switchOff(defence)).toBe('noticed')
  })
})
