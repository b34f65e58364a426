// Small mercies for token requests, decided before the library compares strings: the same endpoint written with and
// without a slash, a refresh that repeats scopes which were cut, and OAuth 2.1 clients that leave out redirect_uri.
import { tokenHash } from '../kernel/digest.ts'
import type { AuthServerDeps } from './deps.ts'
import { parseObject, text } from './records.ts'
import { resolveResource } from './resources.ts'
import { currentUnit, readIn } from './unit-of-work.ts'

export async function easeTokenRequest(deps: AuthServerDeps, body: Buffer): Promise<Buffer> {
  const form = new URLSearchParams(body.toString('utf8'))
  const source =
    form.get('grant_type') === 'refresh_token'
      ? await granted(deps, 'RefreshToken', form.get('refresh_token'))
      : await granted(deps, 'AuthorizationCode', form.get('code'))
  if (!source) return body

  const asked = form.getAll('resource')
  if (asked.length === 1 && source.resource !== null) {
    const path = resolveResource(deps, asked[0]!)?.path
    if (path !== undefined && path === resolveResource(deps, source.resource)?.path)
      form.set('resource', source.resource)
  }
  const scope = form.get('scope')
  if (scope !== null) {
    const held = new Set(source.scope.split(' '))
    const kept = scope.split(' ').filter((one) => held.has(one))
    if (kept.length > 0) form.set('scope', kept.join(' '))
    else form.delete('scope')
  }
  // PKCE binds the code to its client; OAuth 2.1 therefore dropped the parameter (§4.1.3).
  if (!form.has('redirect_uri') && source.redirectUri !== null)
    form.set('redirect_uri', source.redirectUri)
  return Buffer.from(form.toString())
}

async function granted(deps: AuthServerDeps, model: string, token: string | null) {
  if (!token) return null
  const row = await readIn(currentUnit(), () =>
    deps.core.store.db
      .selectFrom('oidc_records')
      .select('payload')
      .where('model', '=', model)
      .where('id_hash', '=', tokenHash(token))
      .executeTakeFirst(),
  )
  if (!row) return null
  const { resource, scope, redirectUri } = parseObject(row.payload)
  return { resource: text(resource), scope: text(scope) ?? '', redirectUri: text(redirectUri) }
}
