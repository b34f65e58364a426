// When a person is asked (interaction policy of the library): to sign in when the browser is not, and to consent on
// every authorization unless an admin trusts the client (threats.md rows 4 to 6).
import type { KoaContextWithOIDC } from 'oidc-provider'
import { interactionPolicy } from 'oidc-provider'
import { isLoopback } from './redirect-rules.ts'
import { currentUnit } from './unit-of-work.ts'

const { Check, Prompt, base } = interactionPolicy

export function createPolicy() {
  const policy = base()
  const login = policy.get('login')!
  const { details } = login
  login.details = async (ctx) => ({ ...(await details(ctx)), startedHere: startedHere(ctx) })
  login.checks.add(
    new Check('account_gone', 'the account behind the browser session is gone', (ctx) => {
      // Disabled between sign-in and now: ask again instead of failing without a word.
      return ctx.oidc.session?.accountId !== undefined && !ctx.oidc.account
    }),
  )
  policy.get('consent')?.checks.add(
    new Check('always_ask', 'clients that no admin trusts are asked for each time', (ctx) => {
      return ctx.oidc.result?.consent === undefined && !trusted(ctx)
    }),
    0,
  )
  // `prompt=select_account` is common and harmless: the login page shows who is signed in.
  const select = new Prompt({ name: 'select_account', requestable: true })
  select.checks.clear()
  policy.add(select, 0)
  return policy
}

/**
 * May this request pass without a consent page? Only of a client that an admin set up by hand and trusts, never to a
 * loopback address, which any program on the person's computer can take, and never when another site led here.
 */
export function trusted(ctx: KoaContextWithOIDC): boolean {
  const { oidc } = ctx
  const id = oidc.client?.clientId
  const row = id === undefined ? null : currentUnit().clients.get(id)
  const redirect = oidc.params?.redirect_uri
  return (
    row?.kind === 'static' &&
    row.trusted === 1 &&
    typeof redirect === 'string' &&
    !isLoopback(redirect) &&
    startedHere(ctx)
  )
}

/** Also on the way back from the login page, which remembers how the request began. */
const startedHere = ({ oidc }: KoaContextWithOIDC): boolean =>
  currentUnit().facts.silently === true ||
  oidc.entities.Interaction?.prompt.details.startedHere === true
