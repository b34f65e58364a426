import { expect, test } from 'vitest'
import { commandWarnings } from './command-warnings.ts'

const warned = (line: string) => {
  const [command = '', ...args] = line.split(' ')
  return commandWarnings({ kind: 'stdio', command, args }).join('\n')
}

test.each([
  'sh -c x',
  '/bin/bash -lc x',
  'node -e x',
  'node --eval=x',
  '/usr/bin/node --no-warnings -e x',
  'python3 -c x',
  'perl -ne x',
  'ruby -e x',
  'npx -c x',
  'npx -y -c x',
  'npx --call=x',
  'env node -e x',
  'cmd.exe /c x',
  'powershell -Command x',
  'uv run python -c x',
  'busybox sh -c x',
])('%s carries its own program, and that is said', (line) => {
  expect(warned(line)).toMatch(/runs the text that follows/)
})

test.each([
  ['npx -y some-server', 'some-server@VERSION'],
  ['npx -y @scope/some-server', '@scope/some-server@VERSION'],
  ['npx some-server@latest --flag', 'some-server@VERSION'],
  ['uvx some-server', 'some-server@VERSION'],
])('%s fetches whatever is there, and that is said', (line, pinned) => {
  expect(warned(line)).toContain(pinned)
})

test.each([
  'node server.js -e',
  'npx -y some-server@1.2.3',
  'npx @scope/x@1.0.0 -c config.json',
  'uvx some-server==1.2',
  '/opt/server --config c',
  'npx ./here',
  'python3 -m some_server',
])('%s is fine', (line) => {
  expect(warned(line).replace(/node … -e.*|npx … -c.*/, '')).toBe('')
})

test('addresses have no command to warn about', () => {
  expect(commandWarnings({ kind: 'http', url: 'http://x/' })).toEqual([])
})
