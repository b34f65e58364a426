// The browser session of the library is only derived from ours. When it belongs to somebody else than the person who
// is signed in, its cookies are not shown to the library, which then starts afresh with the login prompt. Otherwise
// the library would insist on a log-out form of its own.
import { parse } from 'hono/utils/cookie'
import type Provider from 'oidc-provider'
import { currentUnit } from './unit-of-work.ts'

/** The Cookie header for an authorization request (`uid` undefined) or for going on with one. */
export async function derivedCookies(
  provider: Provider,
  header: string,
  uid: string | undefined,
): Promise<string> {
  const name = provider.cookieName('session')
  const id = parse(header, name)[name]
  if (id === undefined) return header
  const expected = uid === undefined ? signedInNow() : await justSignedIn(provider, uid)
  if (expected === undefined) return header
  const session = await provider.Session.find(id)
  if (!session?.accountId || session.accountId === expected) return header
  return header
    .split(/; */)
    .filter((pair) => !pair.startsWith(`${name}=`) && !pair.startsWith(`${name}.sig=`))
    .join('; ')
}

const signedInNow = (): string | null => currentUnit().facts.signedIn?.account.id ?? null

/** Only a fresh sign-in counts here: between consent and code the browser stays the one that consented. */
async function justSignedIn(provider: Provider, uid: string): Promise<string | undefined> {
  const interaction = await provider.Interaction.find(uid)
  return interaction?.result?.login?.accountId
}
