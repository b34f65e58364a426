// Compares a run through the gateway with the direct one, scenario by scenario, against the list of known differences.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { root } from '../fixtures/program.ts'
import type { Revision, Totals } from './official.ts'

const file = z.strictObject({
  server: z.array(
    z.strictObject({
      requirements: z.enum(['2025-11-25', '2026-07-28']),
      scenario: z.string(),
      passed: z.int(),
      failed: z.int(),
      reason: z.string().min(20),
    }),
  ),
})
export type Expected = z.output<typeof file>['server']

export const readExpected = (): Expected =>
  file.parse(parse(readFileSync(join(root, 'test/conformance/expected-failures.yml'), 'utf8')))
    .server

/** One line per scenario that differs from the direct run and is not expected to, or is expected to and does not. */
export function differences(
  revision: Revision,
  direct: Totals,
  through: Totals,
  expected: Expected = readExpected(),
): string[] {
  const show = (of?: { passed: number; failed: number }) =>
    of ? `${of.passed} passed, ${of.failed} failed` : 'did not run'
  const names = new Set([...direct.scenarios.keys(), ...through.scenarios.keys()])
  return [...names].flatMap((name) => {
    const known = expected.find((e) => e.requirements === revision && e.scenario === name)
    const want = known ?? direct.scenarios.get(name)
    const have = through.scenarios.get(name)
    if (known && show(have) === show(direct.scenarios.get(name)))
      return [`${name}: no longer differs; remove it from expected-failures.yml`]
    return show(want) === show(have) ? [] : [`${name}: ${show(have)}, but directly ${show(want)}`]
  })
}
