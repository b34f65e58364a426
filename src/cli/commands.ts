// Every command with one line about it. The module behind one is read only when it is used.
import type { Command } from 'commander'
import type { Go } from './context.ts'

export interface CommandModule {
  register(command: Command, go: Go): void
}

interface CommandEntry {
  about: string
  load(): Promise<CommandModule>
}

export const commands: Readonly<Record<string, CommandEntry>> = {
  serve: { about: 'Start the gateway.', load: () => import('./serve.ts') },
  users: { about: 'People who may sign in.', load: () => import('./users.ts') },
  keys: { about: 'API keys for programs and scripts.', load: () => import('./keys.ts') },
  servers: { about: 'MCP servers behind the gateway.', load: () => import('./servers.ts') },
  clients: {
    about: 'Programs that connect, as they registered.',
    load: () => import('./clients.ts'),
  },
  grants: {
    about: 'Connected clients: which program may act for whom.',
    load: () => import('./grants.ts'),
  },
  logs: { about: 'Read the audit, auth and workload logs.', load: () => import('./logs.ts') },
  audit: { about: 'Check that the logs were not tampered with.', load: () => import('./audit.ts') },
  config: { about: 'Check and show the configuration.', load: () => import('./config.ts') },
}
