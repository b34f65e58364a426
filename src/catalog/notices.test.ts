import { expect, test } from 'vitest'
import { buildCatalog } from './build.ts'
import { noticesOf } from './notices.ts'

const inputSchema = { type: 'object' }
const catalogOf = (names: string[], longest?: number) =>
  buildCatalog(
    { id: 'srv_1', name: 'notes' },
    {
      era: 'session',
      overHttp: false,
      hello: {
        protocolVersion: '2025-11-25',
        serverInfo: { name: 'n', version: '1' },
        capabilities: {},
      },
      tools: names.map((name) => ({ name, inputSchema })),
      prompts: [],
      resources: [],
      templates: [],
      failed: [],
      problems: ['notes could not list its prompts: no'],
      fetchedAt: 0,
    },
    undefined,
    longest,
  )

const long = `find_${'very_'.repeat(8)}well`

test('a name that Claude Code makes too long is named, with the alias and the setting that offers it', () => {
  const [first, second, ...rest] = noticesOf(catalogOf(['short', long]))
  expect(first).toContain('could not list its prompts')
  expect(second).toContain(`notes__${long} has ${7 + long.length} characters`)
  expect(second).toContain('limits.tool-name: 50')
  expect(rest).toEqual([])
  // What is offered is what the setting brings.
  const [alias] = /notes__\w+_[0-9a-z]{8}(?=\.)/.exec(second!) ?? []
  const names = [...catalogOf(['short', long], 50).tools.values()].map((tool) => tool.publicName)
  expect(names).toContain(alias)
  expect(`mcp__mooring__${alias}`.length).toBeLessThanOrEqual(64)
})

test('with the setting nothing is left to warn about, and hundreds are counted', () => {
  const many = Array.from({ length: 300 }, (_, n) => `${long}_${n}`)
  expect(noticesOf(catalogOf(many, 50))).toHaveLength(1)
  expect(noticesOf(catalogOf(many)).at(-1)).toBe('295 more tools have names as long.')
  expect(noticesOf(catalogOf(many))).toHaveLength(7)
})
