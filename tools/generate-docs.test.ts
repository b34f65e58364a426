import { describe, expect, it } from 'vitest'
import { commands } from '../src/cli/commands.ts'
import { options } from '../src/config/options.ts'
import { errorCodes } from '../src/kernel/error-codes.ts'
import { eventCodes } from '../src/logs/codes.ts'
import { pages, stalePages } from './generate-docs.ts'

describe('the generated reference', () => {
  it('says what the code says; otherwise run "npm run docs" and commit', async () => {
    expect(await stalePages()).toEqual([])
  })

  it.each([
    ['config.md', options.map(({ key }) => key)],
    ['errors.md', Object.keys(errorCodes)],
    ['events.md', Object.keys(eventCodes)],
    ['cli.md', Object.keys(commands).map((name) => `mooring ${name}`)],
  ])('%s leaves nothing out', async (page, names) => {
    const text = await pages[page]!()
    for (const name of names) expect(text).toContain(name)
  })

  it('has whole tables: every row has as many cells as its header', async () => {
    for (const render of Object.values(pages)) {
      const tables = (await render()).split('\n\n').filter((block) => block.startsWith('| '))
      expect(tables.length).toBeGreaterThan(0)
      for (const block of tables) {
        const cells = block
          .trim()
          .split('\n')
          .map((row) => row.split(/(?<!\\)\|/).length)
        expect(new Set(cells).size).toBe(1)
      }
    }
  })
})
