// Builds the protocol library and puts in place what its configuration cannot express. One Provider per issuer: the
// build takes a few milliseconds, and only another public URL makes another one.
import { Provider } from 'oidc-provider'
import { newAccessToken, newRefreshToken } from '../grants/token-format.ts'
import type { ClientDocuments } from './client-documents.ts'
import { configure, type Keys } from './configuration.ts'
import type { AuthServerDeps } from './deps.ts'
import { listen } from './listeners.ts'
import { redirectAllowed } from './redirect-rules.ts'

export function buildProvider(
  deps: AuthServerDeps,
  keys: Keys,
  documents: ClientDocuments,
): Provider {
  const { random } = deps.core
  const provider = new Provider(deps.publicUrl(), configure(deps, keys, documents))
  // The host is ours in every request we make for it; the scheme is told by x-forwarded-proto.
  provider.proxy = true

  Object.assign(provider.AccessToken.prototype, {
    generateTokenId(this: { format?: string }) {
      this.format = 'opaque'
      return newAccessToken(random)
    },
  })
  Object.assign(provider.RefreshToken.prototype, {
    generateTokenId: () => newRefreshToken(random),
  })
  // Its own rule frees the port of native clients only; Claude Code's document does not say that it is one.
  provider.Client.prototype.redirectUriAllowed = function (asked) {
    return redirectAllowed(this.redirectUris ?? [], asked)
  }
  listen(provider, deps)
  return provider
}
