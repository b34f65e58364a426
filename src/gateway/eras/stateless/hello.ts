// server/discover (2026-07-28): what the endpoint is and can do, for this person; never shared between people.
import { STATELESS_VERSIONS } from '../../../kernel/mcp.ts'
import type { Call, GatewayDeps } from '../../gateway.ts'
import { endpointHello } from '../../hello.ts'

export function hello(deps: GatewayDeps, call: Call): void {
  const { serverInfo, capabilities, instructions } = endpointHello(
    deps.views,
    call.principal,
    call.endpoint,
  )
  call.answer.result({
    supportedVersions: [...STATELESS_VERSIONS],
    capabilities,
    ...(instructions === undefined ? {} : { instructions }),
    _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
  })
}
