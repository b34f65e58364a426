// /login/UID and /consent/UID: what a person does in the middle of an authorization. Form and post share one path,
// because the cookie that binds the request to this browser is limited to it.
import type { Context, Hono } from 'hono'
import type { Interaction } from '../grants/pending-authorization.ts'
import { AppError } from '../kernel/app-error.ts'
import type { SignedIn } from '../people/account.ts'
import { consentPage } from './consent-form.ts'
import { dropCookie, readCookie, sessionOf } from './cookies.ts'
import type { PagesDeps } from './deps.ts'
import { formOfBrowser, formOfSession, issueToken, readForm, takeToken } from './forms.ts'
import { hostOf } from './message.ts'
import { formTargetsOf, goTo, page } from './send.ts'
import { signInFrom } from './sign-in.ts'
import { type SignInPage, signInPage } from './sign-in-form.ts'
import { byOf } from './who.ts'

export function interactionRoutes(app: Hono, deps: PagesDeps): void {
  const { interactions } = deps

  app.get('/login/:uid', async (c) => {
    const interaction = await interactions.load(c, c.req.param('uid'))
    const session = await sessionOf(deps, c)
    if (session)
      return goTo(c, await interactions.finishLogin(c, interaction.uid, session.account.id))
    return showSignIn(deps, c, interaction, {})
  })

  app.post('/login/:uid', async (c) => {
    const interaction = await interactions.load(c, c.req.param('uid'))
    return signInAndGoOn(deps, c, interaction, await readForm(deps, c))
  })

  app.get('/consent/:uid', async (c) => {
    const interaction = await interactions.load(c, c.req.param('uid'))
    const session = await sessionOf(deps, c)
    return session && isSame(session, interaction)
      ? showConsent(deps, c, interaction, session)
      : showSignIn(deps, c, interaction, { continueAs: session?.account })
  })

  app.post('/consent/:uid', async (c) => {
    const interaction = await interactions.load(c, c.req.param('uid'))
    const fields = await readForm(deps, c)
    const session = await sessionOf(deps, c)
    if (!session || !isSame(session, interaction)) {
      // Signed out, or somebody else, since the page was shown: sign in, and the request goes on by itself.
      if (fields.get('decision') === 'continue' && session) {
        await takeToken(deps, signInForm(deps, c, interaction), fields)
        return goTo(c, startAgain(interaction))
      }
      return fields.has('password')
        ? signInAndGoOn(deps, c, interaction, fields)
        : showSignIn(deps, c, interaction, { error: signedOut() })
    }
    await takeToken(deps, formOfSession(consentForm(interaction), session), fields)
    return decide(deps, c, interaction, session, fields)
  })
}

async function decide(
  deps: PagesDeps,
  c: Context,
  interaction: Interaction,
  session: SignedIn,
  fields: URLSearchParams,
): Promise<Response> {
  switch (fields.get('decision') ?? '') {
    case 'cancel':
      return goTo(c, await deps.interactions.cancel(c, interaction.uid))
    case 'switch':
      await deps.people.endSession(byOf(deps, c, session), readCookie(deps, c, 'mooring'))
      dropCookie(deps, c, 'mooring')
      return goTo(c, c.req.path)
    case 'allow': {
      const ticked = new Set(fields.getAll('scope'))
      const scopes = interaction.scopes.filter((s) => s.required || ticked.has(s.name))
      if (scopes.length === 0)
        return showConsent(deps, c, interaction, session, 'Tick at least one, or cancel.')
      const names = scopes.map((scope) => scope.name)
      return goTo(c, await deps.interactions.allow(c, interaction.uid, names))
    }
    default:
      throw new AppError('bad_request', 'The form was sent without a decision.', {
        remedy: 'Send `decision` as `allow` or `cancel`.',
      })
  }
}

async function signInAndGoOn(
  deps: PagesDeps,
  c: Context,
  interaction: Interaction,
  fields: URLSearchParams,
): Promise<Response> {
  await takeToken(deps, signInForm(deps, c, interaction), fields)
  const outcome = await signInFrom(deps, c, fields)
  if (outcome instanceof AppError)
    return showSignIn(deps, c, interaction, { login: fields.get('login') ?? '', error: outcome })
  if (interaction.prompt === 'login')
    return goTo(c, await deps.interactions.finishLogin(c, interaction.uid, outcome.account.id))
  return goTo(c, isSame(outcome, interaction) ? c.req.path : startAgain(interaction))
}

/** A consent belongs to the person it was opened for, so anybody else begins the request anew, signed in already. */
function startAgain({ startAgain: address }: Interaction): string {
  if (address !== undefined) return address
  throw new AppError('conflict', 'This request was begun by another person on this browser.', {
    remedy: 'You are signed in now. Start again in the program that brought you here.',
  })
}

const showSignIn = (
  deps: PagesDeps,
  c: Context,
  interaction: Interaction,
  state: Partial<SignInPage>,
) =>
  page(
    c,
    signInPage({
      host: hostOf(deps, c),
      action: c.req.path,
      token: issueToken(deps, signInForm(deps, c, interaction)),
      client: interaction.client,
      ...state,
    }),
    { ...optionsFor(interaction), status: state.error?.status ?? 200 },
  )

const showConsent = (
  deps: PagesDeps,
  c: Context,
  interaction: Interaction,
  session: SignedIn,
  error?: string,
) =>
  page(
    c,
    consentPage({
      host: hostOf(deps, c),
      action: c.req.path,
      token: issueToken(deps, formOfSession(consentForm(interaction), session)),
      switchToken: issueToken(deps, formOfSession(consentForm(interaction), session)),
      now: deps.clock.now(),
      account: session.account,
      interaction,
      error,
    }),
    { ...optionsFor(interaction), status: error === undefined ? 200 : 400 },
  )

const optionsFor = ({ client }: Interaction) => ({
  formTargets: formTargetsOf(client.redirectUri),
  openedByClient: true,
})

const isSame = (session: SignedIn, { userId }: Interaction) => session.account.id === userId
const consentForm = ({ uid }: Interaction) => `consent ${uid}`
const signInForm = (deps: PagesDeps, c: Context, { uid }: Interaction) =>
  formOfBrowser(deps, c, `sign-in ${uid}`)

const signedOut = () =>
  new AppError('sign_in_needed', 'You were signed out before you decided. Nothing was allowed.', {
    remedy: 'Sign in, and the request goes on by itself.',
  })
