// docs/config.md: every setting with its default, variable and flag.
import { loadSettings } from '../../src/config/load.ts'
import { options } from '../../src/config/options.ts'
import { showSettings } from '../../src/config/print.ts'
import { code, GENERATED, table } from './markdown.ts'

export function configPage(): string {
  const loaded = loadSettings({ env: {}, home: '~', cwd: '/' })
  const defaults = new Map(showSettings(loaded).map(({ key, value }) => [key, value]))
  const shown = (key: string) => {
    const value = key === 'data-dir' ? '~/.mooring' : defaults.get(key)
    if (Array.isArray(value)) return 'none'
    return value === null ? 'none' : code(String(value))
  }
  const rows = options.map(({ key, env, flag, secret, about }) => [
    code(key),
    shown(key),
    secret ? `${code(env)}, ${code(`${env}_FILE`)}` : code(env),
    flag ? code(flag) : '',
    about,
  ])
  return `# Configuration

${GENERATED}
A setting comes from, first to last: a flag of \`mooring serve\`, an environment variable, \`mooring.yaml\`, its default.
\`mooring config print\` shows what is in force and where each setting came from; \`mooring config check\` says whether
all of it is right. With one mistake nothing starts, and every mistake is named with its file, line and column.

\`mooring.yaml\` is looked for in the data folder; \`--config FILE\` or \`MOORING_CONFIG\` name another one. A name with a
dot stands in a group:

\`\`\`yaml
public-url: https://mcp.example.com
auth:
  access-token-ttl: 30m
\`\`\`

Durations are written \`90s\`, \`15m\`, \`1h30m\`, \`30d\`; a plain number is seconds. Sizes are written \`512KiB\` or \`4MB\`; a
plain number is bytes. In a variable, the items of a list are separated by commas. A variable that ends in \`_FILE\` names
a file that holds the value, for container secrets.

\`mooring config schema\` prints a JSON Schema, for completion and checks in an editor.

${table(['Setting', 'Default', 'Variable', 'Flag', 'What it is'], rows)}`
}
