// docs/errors.md: every error code with its HTTP status and exit code.
import { errorCodes } from '../../src/kernel/error-codes.ts'
import { code, GENERATED, table } from './markdown.ts'

const EXITS: Readonly<Record<number, string>> = {
  0: 'It worked.',
  1: 'Something unexpected happened.',
  2: 'The command, its options or its values are wrong.',
  3: 'Somebody has to sign in, or may not do this.',
  4: 'Something does not answer.',
  5: 'A tool was refused or failed.',
  6: 'The configuration or the data folder cannot be used.',
  7: 'A check found something wrong.',
}

export function errorsPage(): string {
  const rows = Object.entries(errorCodes).map(([name, { status, exit, meaning }]) => [
    code(name),
    String(status),
    String(exit),
    meaning,
  ])
  const exits = Object.entries(EXITS).map(([exit, meaning]) => [exit, meaning])
  return `# Errors

${GENERATED}
Every failure says what went wrong, why, and what to do about it, and carries one of these codes. The admin API answers
it as problem details (RFC 9457) in the member \`code\`; the command line prints it, or gives it with \`--json\` as
\`{"error": {"code", "message", "remedy"}}\` on standard output. Codes are stable: they are renamed only with a major
version.

${table(['Code', 'HTTP status', 'Exit code', 'Meaning'], rows)}
## Exit codes of the command line

${table(['Exit code', 'Meaning'], exits)}`
}
