// The grant of this very sign-in, never an older one: all installations of a program share one client_id, so a shared
// grant would let the revocation of one machine log out the others. Also the grant of trusted clients, who get one
// without a page.
import type { Grant, KoaContextWithOIDC } from 'oidc-provider'
import type { AuthServerDeps } from './deps.ts'
import { insertGrantRow } from './new-grant.ts'
import { trusted } from './prompts.ts'
import { currentUnit } from './unit-of-work.ts'

export async function loadGrant(
  deps: AuthServerDeps,
  ctx: KoaContextWithOIDC,
): Promise<Grant | undefined> {
  const { oidc } = ctx
  const consented = oidc.result?.consent?.grantId
  if (consented !== undefined) return oidc.provider.Grant.find(consented)
  const asks = ['login', 'consent'].some((prompt) => oidc.promptPending(prompt))
  const { account, client, params } = oidc
  if (!account || !client || !params || asks || !trusted(ctx)) return undefined

  const grant = new oidc.provider.Grant({
    accountId: account.accountId,
    clientId: client.clientId,
  })
  grant.jti = deps.core.newId('grt')
  const [resource] = Object.keys(oidc.resourceServers ?? {})
  if (resource === undefined) return undefined
  const scopes = [...oidc.requestParamScopes].filter((scope) => scope !== 'openid')
  grant.addResourceScope(resource, scopes)
  if (oidc.requestParamScopes.has('openid')) grant.addOIDCScope('openid')
  const unit = currentUnit()
  // Stored only when the request is answered with a code: another prompt may still come in between.
  unit.pendingGrant = async () => {
    insertGrantRow(deps, unit, {
      id: grant.jti,
      userId: account.accountId,
      client,
      redirectUri: String(params.redirect_uri),
      resource,
      scopes,
    })
    await grant.save()
  }
  return grant
}
