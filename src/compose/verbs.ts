// The verbs of all rooms as the admin API calls them. Local and served are the same functions; only `serving` differs.

import { levelOf } from '../access/scopes.ts'
import { previewPublicUrl, setPublicUrl } from '../admin/public-url.ts'
import type { AdminVerbs, FoundTool, TestedServer } from '../admin/verbs.ts'
import {
  addStaticClient,
  listClients,
  revokeClient,
  showClient,
  trustClient,
} from '../authserver/clients.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { noticesOf } from '../catalog/notices.ts'
import type { Provenance } from '../config/load.ts'
import { showSettings } from '../config/print.ts'
import type { Settings } from '../config/settings.ts'
import { gatewaySecret } from '../credentials/gateway-secrets.ts'
import type { Vault } from '../credentials/vault.ts'
import { GATEWAY_INFO } from '../gateway/hello.ts'
import { createKey, listKeys, revokeKey } from '../grants/api-keys.ts'
import { listGrants, revokeGrant } from '../grants/grants.ts'
import { AppError } from '../kernel/app-error.ts'
import type { Core } from '../logs/core.ts'
import { listEvents } from '../logs/query.ts'
import { newSigningKey, type SealSigner, signerFrom } from '../logs/seal.ts'
import { verifyLogs } from '../logs/verify.ts'
import { createSetupLink } from '../people/setup-link.ts'
import { createUser, disableUser, enableUser, listUsers, setPassword } from '../people/users.ts'
import { commandWarnings } from '../servers/command-warnings.ts'
import type { ServerSpec } from '../servers/server.ts'
import {
  addServer,
  findServer,
  listServers,
  removeServer,
  serverSecret,
  updateServer,
} from '../servers/servers.ts'
import { testServer } from '../servers/test-server.ts'
import type { Foundation } from './foundation.ts'
import { checkpointFile, localUrl, publicUrlOf } from './foundation.ts'

export interface VerbDeps extends Foundation {
  settings: Settings
  provenance: Provenance
  /** The port in use, which differs from the setting when that is 0. */
  port(): number
  serving: boolean
  /** How a server does, if this process knows. */
  statusOf?(serverId: string): string
  /** What to know of its catalogue. */
  noticesOf?(serverId: string): readonly string[]
  /** Resolves when calls see a server as it is stored now, its tools read or the reading given up. */
  following?(serverId: string): Promise<void>
}

export function adminVerbs(deps: VerbDeps): AdminVerbs {
  const { core, vault, opener, settings } = deps
  const publicUrl = () => publicUrlOf(core, settings, deps.port())
  return {
    status: async () => ({
      pid: process.pid,
      serving: deps.serving,
      url: deps.serving ? (await publicUrl()).url : null,
      version: GATEWAY_INFO.version,
      store: core.store.dialect,
      dataDir: settings.dataDir,
    }),
    users: {
      create: (by, input) => createUser(core, by, input),
      list: () => listUsers(core),
      disable: (by, login) => disableUser(core, by, login),
      enable: (by, login) => enableUser(core, by, login),
      setPassword: (by, input) => setPassword(core, by, input),
      setupLink: async () => {
        const { token, expiresAt } = await createSetupLink(core)
        return { url: `${(await publicUrl()).url}/setup?token=${token}`, expiresAt }
      },
    },
    keys: {
      create: (by, input) => createKey(core, by, input),
      list: (filter) => listKeys(core, filter),
      revoke: (by, id) => revokeKey(core, by, id),
    },
    grants: {
      list: (filter) => listGrants(core, filter),
      revoke: (by, id, reason) => revokeGrant(core, by, id, reason),
    },
    clients: {
      list: () => listClients(core),
      show: (id) => showClient(core, id),
      revoke: async (by, id) => void (await revokeClient(core, by, id)),
      trust: (by, id) => trustClient(core, by, id),
      add: (by, input) => addStaticClient(core, vault, by, input),
    },
    servers: {
      list: async () => {
        const logins = new Map((await listUsers(core)).map((user) => [user.id, user.login]))
        return (await listServers(core)).map((server) => ({
          ...server,
          logins: server.people && [...server.people].map((id) => logins.get(id) ?? id),
          status: deps.statusOf?.(server.id) ?? null,
          warnings: [...commandWarnings(server.spec), ...(deps.noticesOf?.(server.id) ?? [])],
        }))
      },
      test: async ({ name = 'tested', spec, secret }) => {
        const server = { id: 'srv_tested', name, spec, revision: 1 }
        return testedServer(
          await testServer({ clock: core.clock, opener }, server, secret ?? {}),
          spec,
        )
      },
      testStored: async (name) => {
        const server = await findServer(core, name)
        if (!server) {
          throw new AppError('server_unknown', `No server is called "${name}".`, {
            remedy: 'See `mooring servers list`.',
          })
        }
        return testedServer(
          await testServer(
            { clock: core.clock, opener },
            server,
            await serverSecret(core, vault, server),
          ),
          server.spec,
        )
      },
      add: async (by, input) => {
        const server = await addServer(core, vault, by, input)
        await deps.following?.(server.id)
        return server
      },
      update: async (by, name, input) => {
        const server = await updateServer(core, by, name, input)
        await deps.following?.(server.id)
        return server
      },
      remove: (by, name) => removeServer(core, by, name),
    },
    logs: {
      list: (query) => listEvents(core, query),
      verify: async () => {
        const report = await verifyLogs(
          core,
          [await logSigner(core, vault)],
          checkpointFile(settings),
        )
        return {
          ok: report.ok,
          streams: report.streams.map(({ stream, rows, unsealed, problem }) => ({
            stream,
            ok: problem === null,
            sealed: rows,
            unsealed,
            problems: problem ? [problem.message] : [],
          })),
        }
      },
    },
    settings: {
      show: async () => {
        const { url, stored } = await publicUrl()
        const given = deps.provenance['public-url'] ?? 'default'
        return {
          settings: showSettings({ settings, provenance: deps.provenance, configFile: null }),
          publicUrl: { effective: url, from: stored ? 'stored' : given },
        }
      },
      preview: (url) => previewPublicUrl(core, url, localUrl(settings, deps.port())),
      setPublicUrl: (by, url, endsGrants) => {
        refuseWhenFixed(deps.provenance)
        return setPublicUrl(core, by, {
          publicUrl: url,
          fallback: localUrl(settings, deps.port()),
          endsGrants,
        })
      },
    },
  }
}

/** A flag, the environment or the file come before what is stored, so storing would change nothing. */
export function refuseWhenFixed(provenance: Provenance): void {
  const from = provenance['public-url'] ?? 'default'
  if (from === 'default') return
  const where = {
    flag: 'the flag --public-url',
    env: 'the variable MOORING_PUBLIC_URL',
    file: 'the configuration file',
  }[from]
  throw new AppError('conflict', `The public URL is set by ${where}.`, {
    remedy: `Change it there, and restart the gateway.`,
  })
}

export const logSigner = async (core: Core, vault: Vault): Promise<SealSigner> =>
  signerFrom(await gatewaySecret(core, vault, 'log-signing-key', newSigningKey))

function testedServer(catalog: Catalog, spec: ServerSpec): TestedServer {
  const { era, hello, tools } = catalog
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  return {
    hello: {
      era,
      protocolVersion: hello.protocolVersion,
      name: text(hello.serverInfo.name),
      version: text(hello.serverInfo.version),
      instructions: hello.instructions ?? null,
    },
    tools: [...tools.values()].map(
      (tool): FoundTool => ({
        name: tool.name,
        description: text(tool.definition.description),
        level: levelOf(tool.definition.annotations),
        hidden: tool.hidden,
      }),
    ),
    warnings: [...commandWarnings(spec), ...noticesOf(catalog)],
  }
}
