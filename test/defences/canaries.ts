// What keeps secrets and foreign text where they belong, switched off. Run: npm run defences canaries
import type { Defence } from './defence.ts'

const CANARIES = 'test/e2e/canaries.test.ts'

export const defences: readonly Defence[] = [
  {
    row: 'A29',
    file: 'src/telemetry/logger.ts',
    find: 'message: recordable(error)',
    replace: 'message: error.message',
    test: 'src/telemetry/logger.test.ts',
    title: 'the words of others are not written, nor what looks like a credential',
  },
  {
    row: 'A29',
    file: 'src/telemetry/logger.ts',
    find: 'stack: frames(error)',
    replace: 'stack: frames(error) + error.stack',
    test: 'src/telemetry/logger.test.ts',
    title: 'where it happened is written, without its first line',
  },
  {
    row: 'A29',
    file: 'src/config/read-file.ts',
    find: '${withoutQuotes(broken.message)}',
    replace: '${withoutQuotes(broken.message) && broken.message}',
    test: 'test/e2e/canaries-config.test.ts',
    title: 'in mooring.yaml: %#',
  },
  {
    row: 'A29',
    file: 'src/servers/stdio/tail.ts',
    find: 'escapeControls(without(secrets, ',
    replace: 'escapeControls(without([], ',
    test: 'src/servers/stdio/tail.test.ts',
    title: 'the secrets that the program was given are not shown, even when they came in pieces',
  },
  {
    row: 'E7',
    file: 'src/servers/servers.ts',
    find: 'withoutQuery(given, checkSecret(given, input.secret ?? {}))',
    replace:
      '{ ...withoutQuery(given, {}), spec: given, secret: checkSecret(given, input.secret ?? {}) }',
    test: 'src/servers/servers.test.ts',
    title:
      'the query of an address is sealed like a header, survives a new header, and is in no event and no listing',
  },
  {
    row: 'E7',
    file: 'src/gateway/parsed.ts',
    find: 'reason: `the server answered error ${reply.error.code}`',
    replace: 'reason: `${reply.error.code}: ${reply.error.message}`',
    test: CANARIES,
    title: 'nothing of them is in what commands print, events of all three logs included',
  },
  {
    row: 'E7',
    file: 'src/servers/web.ts',
    find: "const shown = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)",
    replace: 'const shown = secrets.length < 0 ? "" : text',
    test: CANARIES,
    title: 'nothing of them is in an answer that is an error, whatever was sent',
  },
  {
    row: 'C12',
    file: 'src/servers/http/port.ts',
    find: 'if (CALLERS.test(name))',
    replace: 'if (name || CALLERS.test(name))',
    test: 'src/servers/http/streams.test.ts',
    title:
      'forwarding passes the bytes as they are, with our headers and without those of the connection',
  },
  {
    row: 'A11',
    file: 'src/servers/stdio/environment.ts',
    find: 'for (const name of INHERITED) {',
    replace: 'for (const name of [...INHERITED, ...Object.keys(ours)]) {',
    test: CANARIES,
    title: 'a child has the secret of its own server and no other, in arguments and environment',
  },
  {
    row: 'A28',
    file: 'src/telemetry/logger.ts',
    find: '{ write: (line) => destination.write(printable(line)) }',
    replace: '{ write: (line) => destination.write(line || printable(line)) }',
    test: 'src/telemetry/logger.test.ts',
    title: 'is one line, with %s in every part of it',
  },
  {
    row: 'A28',
    file: 'src/cli/context.ts',
    find: 'printable(json ? `${JSON.stringify(data)}\\n` : text)',
    replace: '(json && printable ? `${JSON.stringify(data)}\\n` : text)',
    test: 'test/e2e/terminal.test.ts',
    title: 'no command prints a character that a terminal would obey, or that nobody sees',
  },
  {
    row: 'A27',
    file: 'src/grants/api-keys.ts',
    find: 'prefix: key.slice(0, PREFIX_SHOWN)',
    replace: 'prefix: key || String(PREFIX_SHOWN)',
    test: 'src/grants/api-keys.test.ts',
    title: 'is shown once: only its hash and its first characters are stored',
  },
  {
    row: 'K9',
    file: 'src/admin/control-server.ts',
    find: 'chmodSync(socket, 0o600)',
    replace: 'chmodSync(socket, 0o666)',
    test: 'test/e2e/agents-cannot-govern.test.ts',
    title: 'is no key to the control socket: only the account that owns the data folder opens it',
  },
]
