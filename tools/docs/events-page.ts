// docs/events.md: every event code of the three logs.
import { eventCodes } from '../../src/logs/codes.ts'
import type { Stream } from '../../src/store/tables/events.ts'
import { code, GENERATED, table } from './markdown.ts'

const STREAMS: readonly (readonly [Stream, string])[] = [
  [
    'audit',
    'What was changed, by whom. Each row is written in the transaction of the change itself.',
  ],
  ['auth', 'What was asked with which credential, and every refusal.'],
  [
    'workload',
    'Calls to servers. Each call has a row before it is sent (intent) and one after it ended (outcome).',
  ],
]

export function eventsPage(): string {
  const sections = STREAMS.map(([stream, about]) => {
    const rows = Object.entries(eventCodes)
      .filter(([, event]) => event.stream === stream)
      .map(([name, { severity, meaning }]) => [code(name), severity, meaning])
    return `## ${stream}\n\n${about}\n\n${table(['Code', 'Severity', 'Meaning'], rows)}`
  })
  return `# Events

${GENERATED}
Three append-only logs, read with \`mooring logs audit|auth|workload\` and checked with \`mooring audit verify\`. An event
may be more severe than its code says here; it is never less.

${sections.join('\n')}`
}
