// The client programs of the connect page: how each is added, and by what we know it again when it connects.
export type ProgramId = 'claude' | 'claude-desktop' | 'claude-code' | 'cursor' | 'vscode' | 'codex'

/** The name under which the gateway appears in a client. */
export const NAME_IN_CLIENTS = 'mooring'

export interface Seen {
  clientName: string
  clientHost: string | null
}

/** Names are what clients say of themselves, which is enough to light a card and for nothing else. */
export function programOf({ clientName, clientHost }: Seen): ProgramId | null {
  const host = clientHost?.toLowerCase() ?? ''
  if (/^(claude\.ai|claude\.com)(:|$)/.test(host)) return 'claude'
  if (/^claude[ -]code/i.test(clientName)) return 'claude-code'
  if (/mcp-remote|mcp cli proxy|mooring-connect|claude[ -]desktop/i.test(clientName))
    return 'claude-desktop'
  if (/^cursor\b/i.test(clientName) || /(^|\.)cursor\.com$|^cursor:?/.test(host)) return 'cursor'
  if (/visual studio code|^vs ?code/i.test(clientName) || host === 'vscode.dev') return 'vscode'
  if (/^codex/i.test(clientName)) return 'codex'
  return null
}

export const claudeLink = (endpoint: string) =>
  `https://claude.ai/customize/connectors?modal=add-custom-connector&connectorName=Mooring&connectorUrl=${encodeURIComponent(endpoint)}`

export const cursorLink = (endpoint: string) =>
  `cursor://anysphere.cursor-deeplink/mcp/install?name=${NAME_IN_CLIENTS}&config=${encodeURIComponent(
    Buffer.from(JSON.stringify({ url: endpoint })).toString('base64'),
  )}`

export const vscodeLink = (endpoint: string) =>
  `vscode:mcp/install?${encodeURIComponent(
    JSON.stringify({ name: NAME_IN_CLIENTS, type: 'http', url: endpoint }),
  )}`

export const claudeCodeCommand = (endpoint: string, key?: string) =>
  `claude mcp add --transport http ${NAME_IN_CLIENTS} ${endpoint}${
    key === undefined ? '' : ` --header "Authorization: Bearer ${key}"`
  }`

export const codexCommands = (endpoint: string) => [
  `codex mcp add ${NAME_IN_CLIENTS} --url ${endpoint}`,
  `codex mcp login ${NAME_IN_CLIENTS}`,
]

export const vscodeCommand = (endpoint: string) =>
  `code --add-mcp '${JSON.stringify({ name: NAME_IN_CLIENTS, type: 'http', url: endpoint })}'`

/** A stdio program in front of the endpoint, for clients that start programs only. */
export function bridge(endpoint: string): { command: string; args: string[] } {
  const args = ['-y', 'mcp-remote', endpoint]
  // The bridge takes plain http on this computer; beyond it, it wants to be told.
  if (/^http:\/\/(?!127\.0\.0\.1[:/]|localhost[:/])/.test(endpoint)) args.push('--allow-http')
  return { command: 'npx', args }
}

/** As a person would write it: the arguments on one line, so that it fits a card. */
const inConfiguration = ({ command, args }: { command: string; args: string[] }) =>
  `{
  "mcpServers": {
    "${NAME_IN_CLIENTS}": {
      "command": ${JSON.stringify(command)},
      "args": [${args.map((arg) => JSON.stringify(arg)).join(', ')}]
    }
  }
}`

export const desktopConfiguration = (endpoint: string) => inConfiguration(bridge(endpoint))

/** Windows starts npx through its command interpreter. */
export function desktopConfigurationWindows(endpoint: string): string {
  const { command, args } = bridge(endpoint)
  return inConfiguration({ command: 'cmd', args: ['/c', command, ...args] })
}

export const cursorConfiguration = (endpoint: string) =>
  JSON.stringify({ mcpServers: { [NAME_IN_CLIENTS]: { url: endpoint } } }, null, 2)

export const desktopFiles = {
  macOS: '~/Library/Application Support/Claude/claude_desktop_config.json',
  Linux: '~/.config/Claude/claude_desktop_config.json',
  Windows: '%APPDATA%\\Claude\\claude_desktop_config.json',
}
