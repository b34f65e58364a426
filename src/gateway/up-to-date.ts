// Nothing is answered on a stale view. A call that writes an intent is checked with it; everything else asks the store first.
import type { Call, GatewayDeps } from './gateway.ts'

type Checked = Pick<Call, 'credentials' | 'endpoint' | 'principal' | 'decidedAt'>

/** Follows the store when it is ahead, and establishes the principal anew if anything changed. @throws AppError token_* */
export async function upToDate(deps: GatewayDeps, call: Checked): Promise<void> {
  const behind = deps.views.fresh()
  if (behind) await behind
  if (deps.views.seq !== call.decidedAt) await authenticateAgain(deps, call)
}

/** @throws AppError token_* when the credential is not good any more */
export async function authenticateAgain(deps: GatewayDeps, call: Checked): Promise<void> {
  call.decidedAt = deps.views.seq
  call.principal = await deps.authenticate(call.credentials, call.endpoint.path)
}
