// The conformance set-up: the everything server, once for each era, and a gateway in front of both.
import { startGatewayHere } from '../fixtures/gateway.ts'
import { openBrowser } from '../fixtures/person.ts'
import { startEverything } from '../fixtures/servers/everything.ts'
import { startShim } from '../fixtures/shim.ts'
import { authorizationTotals, type Revision, serverTotals, type Totals } from './official.ts'

export interface Bench {
  /** Direct to the server of that era, then through the gateway. */
  compare(revision: Revision): Promise<{ direct: Totals; through: Totals }>
  authorization(): Promise<Totals>
  close(): Promise<void>
}

const SERVER = { '2025-11-25': 'everything', '2026-07-28': 'everything-stateless' } as const

export async function startConformance(): Promise<Bench> {
  const session = await startEverything({ eras: 'session' })
  const stateless = await startEverything({ eras: 'stateless' })
  const gateway = await startGatewayHere()
  await gateway.addServer(SERVER['2025-11-25'], session.url)
  await gateway.addServer(SERVER['2026-07-28'], stateless.url)
  const { key } = await gateway.createKey()
  const direct = { '2025-11-25': session.url, '2026-07-28': stateless.url }

  return {
    compare: async (revision) => {
      const shim = await startShim(`${gateway.url}/s/${SERVER[revision]}/mcp`, {
        authorization: `Bearer ${key}`,
      })
      try {
        return {
          direct: await serverTotals(direct[revision], revision),
          through: await serverTotals(shim.url, revision),
        }
      } finally {
        await shim.close()
      }
    },
    authorization: () =>
      authorizationTotals({
        issuer: gateway.url,
        resource: `${gateway.url}/mcp`,
        register: (redirectUri) => registerPublicClient(gateway.url, redirectUri),
        authorize: (url) => openBrowser().authorize(url, gateway.admin),
      }),
    close: async () => {
      await gateway.close()
      await session.close()
      await stateless.close()
    },
  }
}

async function registerPublicClient(origin: string, redirectUri: string): Promise<string> {
  const reply = await fetch(`${origin}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'conformance',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    }),
  })
  const text = await reply.text()
  if (reply.status !== 201) throw new Error(`Registration: ${reply.status} ${text}`)
  return (JSON.parse(text) as { client_id: string }).client_id
}
