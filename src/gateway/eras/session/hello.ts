// initialize (2025-11-25 Lifecycle): agrees on a revision and makes the session.
import { z } from 'zod'
import { SESSION_VERSIONS } from '../../../kernel/mcp.ts'
import { boundedHello } from '../../client-hello.ts'
import type { Call, GatewayDeps } from '../../gateway.ts'
import { endpointHello } from '../../hello.ts'
import { invalidParams } from '../../rpc-error.ts'

const Params = z.object({
  protocolVersion: z.string(),
  capabilities: z.record(z.string(), z.unknown()).default({}),
  clientInfo: z.looseObject({ name: z.string(), version: z.string() }),
})

export async function hello(deps: GatewayDeps, call: Call): Promise<void> {
  const parsed = Params.safeParse(call.message.params)
  if (!parsed.success) {
    throw invalidParams(
      `initialize: ${parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`,
    )
  }
  const { protocolVersion: asked, capabilities, clientInfo } = parsed.data
  const protocolVersion = (SESSION_VERSIONS as readonly string[]).includes(asked)
    ? asked
    : SESSION_VERSIONS[0]
  const said = endpointHello(deps.views, call.principal, call.endpoint)
  const id = await deps.sessions.create(call.principal, call.endpoint.path, {
    protocolVersion,
    ...boundedHello(clientInfo, capabilities),
  })
  call.res.setHeader('mcp-session-id', id)
  call.answer.result({ protocolVersion, ...said })
}
