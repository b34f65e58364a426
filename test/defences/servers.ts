// What is switched off to see that the tests of odd, hostile and dying servers notice. Run: npm run defences servers
import type { Defence } from './defence.ts'

const messages = {
  row: 'F7',
  file: 'src/servers/parse-messages.ts',
  test: 'src/servers/parse-messages.test.ts',
}
const stdio = { row: 'C9', test: 'src/servers/stdio/open-stdio.test.ts' }
const sandbox = {
  row: 'C9',
  file: 'src/servers/stdio/sandbox.ts',
  test: 'src/servers/stdio/sandbox.test.ts',
}
const strays = { row: 'C9', test: 'src/servers/stdio/strays.test.ts' }
const pool = { row: 'F6', test: 'src/servers/pool.test.ts' }

export const defences: readonly Defence[] = [
  {
    ...messages,
    find: '  if (tooDeep(text)) return []\n',
    replace: '',
    title: 'what is nested too deep to be written out again is not read',
  },
  {
    ...messages,
    find: 'value.length > LARGEST_BATCH ? [] : value.map(readMessage)',
    replace: 'value.map(readMessage)',
    title: 'a batch of a million members is not read',
  },
  {
    row: 'F7',
    file: 'src/servers/sse-events.ts',
    find: 'fields.size += value.length + 1',
    replace: 'fields.size += value.length',
    test: 'src/servers/sse-events.test.ts',
    title: 'lines of nothing without an end are garbage too',
  },
  {
    row: 'F7',
    file: 'src/servers/stdio/lines.ts',
    find: '    if (size <= limit) return\n',
    replace: '    if (size <= limit || limit > 0) return\n',
    test: 'src/servers/stdio/lines.test.ts',
    title: 'a line over the cap is reported by its ends, and the next one is read',
  },
  {
    ...pool,
    file: 'src/servers/tracked-link.ts',
    find: '    if (error === link.closed && ended) return\n',
    replace: '',
    title: 'one death is one failure, however many calls were under way',
  },
  {
    ...pool,
    file: 'src/servers/pool.ts',
    find: "if (server.spec.kind === 'stdio')\n          record.breaker.crashed(",
    replace: "if (server.spec.kind === 'sse')\n          record.breaker.crashed(",
    title: 'a program that lists its tools and dies of every call is started less and less often',
  },
  {
    row: 'F5',
    file: 'src/servers/breaker.ts',
    find: 'if (failures < FAILURES_ALLOWED) return',
    replace: 'if (failures < 1e9) return',
    test: 'src/servers/breaker.test.ts',
    title: 'calls pass until five failures in a row',
  },
  {
    row: 'C10',
    file: 'src/servers/catalogs.ts',
    find: 'if (!old || read.failed.length === 0) return read',
    replace: 'if (!old || read.failed.length >= 0) return read',
    test: 'src/servers/catalogs.test.ts',
    title: 'a list that fails now is offered as it was',
  },
  {
    row: 'C11',
    file: 'src/servers/http/standing-stream.ts',
    find: '      if (broken) stream.reopened()\n',
    replace: '',
    test: 'src/servers/http/restarts.test.ts',
    title: 'a subscription that broke and is open again tells that something may have been missed',
  },
  {
    row: 'C11b',
    file: 'src/catalog/notices.ts',
    find: 'tool.publicName.length > ROOM',
    replace: 'tool.publicName.length > LONGEST',
    test: 'src/catalog/notices.test.ts',
    title:
      'a name that Claude Code makes too long is named, with the alias and the setting that offers it',
  },
  {
    ...stdio,
    file: 'src/servers/stdio/environment.ts',
    find: 'for (const name of INHERITED) {',
    replace: 'for (const name of Object.keys(ours)) {',
    title: 'the environment is clean, and holds what the admin wrote down',
  },
  {
    ...stdio,
    row: 'A19',
    file: 'src/servers/stdio/children.ts',
    find: 'shell: false',
    replace: 'shell: true',
    title: 'arguments are handed over as they are: no shell looks at them',
  },
  {
    row: 'A19',
    file: 'src/servers/server-input.ts',
    find: '  refuseCode(secret.env ?? {})\n',
    replace: '',
    test: 'src/servers/server-input.test.ts',
    title: 'no variable through which other code gets into a program is taken, open or secret',
  },
  {
    row: 'A19',
    file: 'src/cli/servers.ts',
    find: 'if (!options.test) warn(ctx, commandWarnings(spec))',
    replace: '',
    test: 'src/cli/servers.test.ts',
    title:
      'a command that carries a program is shown word for word, and warned about, before it is saved',
  },
  {
    ...strays,
    file: 'src/servers/stdio/open-stdio.ts',
    find: '{ sweep: () => killStrays(mark) }',
    replace: '{ sweep: async () => mark }',
    title: 'with sandbox %s, what a program left in a session of its own ends with it',
  },
  {
    ...strays,
    file: 'src/servers/stdio/children.ts',
    find: 'if (program.stdin.writableLength > UNREAD_LIMIT) {',
    replace: 'if (program.stdin.writableLength > 64 * UNREAD_LIMIT) {',
    title: 'a program that does not read is not written to without end',
  },
  {
    ...strays,
    file: 'src/servers/stdio/folders.ts',
    find: 'if (!name.startsWith(prefix) || dir === current) continue',
    replace: 'if (name !== prefix || dir === current) continue',
    title: 'a sweep ends the programs and removes the folders of its own gateway, and of no other',
  },
  {
    ...sandbox,
    find: '    ...hidden.filter((path) => !isFile(path)).flatMap(empty),\n',
    replace: '',
    title: 'bubblewrap alone hides the data, even from the same user',
  },
]
