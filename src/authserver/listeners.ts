// Turns what the library reports into auth events of the unit. Its answers hide the reason ("grant request is
// invalid"); its events carry it.
import type { EventEmitter } from 'node:events'
import type Provider from 'oidc-provider'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { masked } from '../kernel/mask.ts'
import type { Core } from '../logs/core.ts'
import type { AuthServerDeps } from './deps.ts'
import { reasonOf } from './reason.ts'
import { keepGrantUntil } from './refresh-rule.ts'
import { currentUnit } from './unit-of-work.ts'

type Ctx = KoaContextWithOIDC

const REFUSALS = [
  'grant.error',
  'revocation.error',
  'introspection.error',
  'registration_create.error',
  'pushed_authorization_request.error',
] as const

export function listen(provider: Provider, { core, auth }: AuthServerDeps): void {
  provider.on('interaction.started', (ctx, prompt) => {
    currentUnit().events.push({
      code: 'auth.authorization_requested',
      ...about(ctx),
      detail: { prompt: prompt.name, ...asked(ctx) },
    })
  })
  provider.on('authorization.success', (ctx) => {
    const unit = currentUnit()
    unit.authorized = true
    unit.events.push({
      code: 'auth.code_issued',
      ...about(ctx),
      ...grantOf(ctx),
      detail: asked(ctx),
    })
  })
  provider.on('grant.success', (ctx) => {
    const unit = currentUnit()
    const refresh = ctx.oidc.entities.RefreshToken
    const access = ctx.oidc.entities.AccessToken
    const accessEnd = (access?.exp ?? 0) * 1000
    unit.connection = refresh
      ? {
          refreshExpiresIn: auth().refreshTokenTtl,
          endsAt: unit.now + auth().refreshTokenTtl * 1000,
        }
      : { refreshExpiresIn: null, endsAt: accessEnd || unit.now + auth().accessTokenTtl * 1000 }
    const grantId = ctx.oidc.entities.Grant?.jti
    if (!refresh && grantId) keepGrantUntil(unit, grantId, unit.connection.endsAt)
    const refreshed = ctx.oidc.params?.grant_type === 'refresh_token'
    if (refreshed && unit.retried.size > 0)
      unit.events.push({
        code: 'auth.refresh_retried',
        severity: 'warn',
        reason:
          'A refresh token was used again before its successor: the reply was lost, or two requests ran at once.',
        ...about(ctx),
        ...grantOf(ctx),
      })
    unit.events.push({
      code: refreshed ? 'auth.token_refreshed' : 'auth.token_issued',
      ...about(ctx),
      ...grantOf(ctx),
      detail: { scope: access?.scope, resource: access?.aud },
    })
  })
  provider.on('authorization.error', (ctx, error) => {
    const { reason, remedy } = reasonOf(error)
    // A person who says no is heard in interactions.ts.
    if (error.error === 'access_denied') return
    currentUnit().events.push({
      code: 'auth.authorization_refused',
      outcome: 'refused',
      severity: 'warn',
      reason,
      ...about(ctx),
      detail: { error: error.error, ...(remedy ? { remedy } : {}), ...asked(ctx) },
    })
  })
  // Names that come from a list, and Koa's own event, are not in the library's types.
  const emitter: EventEmitter = provider
  for (const name of REFUSALS)
    emitter.on(name, (ctx: Ctx, error: Error & { error?: string }) => refused(name, ctx, error))
  provider.on('server_error', (ctx, error) => failed(core, ctx, error))
  // Without a listener Koa prints to the console.
  emitter.on('error', (error: Error) =>
    core.log.error({ err: error }, 'authorization server failed'),
  )
  provider.on('grant.revoked', (ctx, grantId) => {
    if (ctx.oidc.route !== 'revocation' || !currentUnit().revoked.has(grantId)) return
    currentUnit().events.push({ code: 'auth.token_revoked', ...about(ctx), grantId })
  })
}

function refused(endpoint: string, ctx: Ctx, error: Error & { error?: string }): void {
  const unit = currentUnit()
  const { reason } = reasonOf(error)
  const detail = { endpoint: endpoint.replace('.error', ''), error: error.error }
  const [grantId] = unit.revoked
  if (grantId !== undefined) {
    const reuse = reason.startsWith('refresh token') ? 'auth.refresh_reuse' : 'auth.code_reuse'
    unit.events.push({
      code: reuse,
      severity: 'alert',
      outcome: 'refused',
      reason: `${unit.revokeReason} The connection was revoked.`,
      ...about(ctx),
      grantId,
      detail,
    })
    return
  }
  unit.events.push({
    code: 'auth.request_refused',
    severity: 'warn',
    outcome: 'refused',
    reason,
    ...about(ctx),
    detail,
  })
}

function failed(core: Core, ctx: Ctx, error: Error): void {
  core.log.error({ err: error, path: ctx.path }, 'authorization server failed')
  currentUnit().events.push({
    code: 'auth.failed',
    severity: 'error',
    outcome: 'error',
    reason: reasonOf(error).reason,
    ...about(ctx),
  })
}

function about({ oidc }: Ctx) {
  const { client, account } = oidc
  const named = oidc.params?.client_id
  const clientId = client?.clientId ?? (typeof named === 'string' ? named.slice(0, 500) : undefined)
  return {
    ...(clientId === undefined ? {} : { clientId }),
    ...(typeof client?.clientName === 'string' ? { clientName: client.clientName } : {}),
    ...(account === undefined ? {} : { userId: account.accountId }),
  }
}

function grantOf({ oidc }: Ctx) {
  const grantId = oidc.entities.Grant?.jti
  return grantId === undefined ? {} : { grantId }
}

function asked({ oidc }: Ctx) {
  const { redirect_uri, resource, scope } = oidc.params ?? {}
  const text = (value: unknown) => (typeof value === 'string' ? masked(value) : value)
  return { redirectUri: text(redirect_uri), resource: text(resource), scope }
}
