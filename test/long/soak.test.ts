// Two minutes of `npm run soak`: mixed load, killed servers, vanishing clients; then nothing may be lost and nothing grown.
import { expect, it } from 'vitest'
import { runProgram } from '../fixtures/program.ts'

it('two minutes of mixed load lose nothing, and leave no memory, descriptors or children behind', async () => {
  const args = [
    '--minutes',
    '2',
    '--every',
    '10',
    ...(process.env.SEED ? ['--seed', process.env.SEED] : []),
  ]
  const { code, stdout, stderr } = await runProgram('test/soak/run.ts', args, {
    timeout: 5 * 60_000,
  })
  console.log(stdout)
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout.match(/ MB, \d+ descriptors/g)?.length).toBeGreaterThan(8)
  expect(stdout).toMatch(/server_(closed|unreachable) \d/)
})
