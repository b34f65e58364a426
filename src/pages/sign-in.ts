// /login and /logout: signing in without a client waiting for it.
import type { Context, Hono } from 'hono'
import { AppError } from '../kernel/app-error.ts'
import { Secret } from '../kernel/secret.ts'
import type { SignedIn } from '../people/account.ts'
import { dropCookie, keepSignedIn, readCookie, sessionOf } from './cookies.ts'
import type { PagesDeps } from './deps.ts'
import { formOfBrowser, formOfSession, issueToken, readForm, takeToken } from './forms.ts'
import { hostOf } from './message.ts'
import { goTo, page } from './send.ts'
import { belongsOnForm, type SignInPage, signInPage } from './sign-in-form.ts'
import { byOf } from './who.ts'

export function signInRoutes(app: Hono, deps: PagesDeps): void {
  const show = (c: Context, state: Partial<SignInPage>) =>
    page(
      c,
      signInPage({
        host: hostOf(deps, c),
        action: '/login',
        token: issueToken(deps, formOfBrowser(deps, c, 'login')),
        ...state,
      }),
      { status: state.error?.status ?? 200 },
    )

  app.get('/login', async (c) => {
    const next = ownPath(deps, c, c.req.query('next'))
    return (await sessionOf(deps, c)) ? goTo(c, next) : show(c, { next })
  })

  app.post('/login', async (c) => {
    const fields = await readForm(deps, c)
    await takeToken(deps, formOfBrowser(deps, c, 'login'), fields)
    const next = ownPath(deps, c, fields.get('next'))
    const outcome = await signInFrom(deps, c, fields)
    return outcome instanceof AppError
      ? show(c, { next, login: fields.get('login') ?? '', error: outcome })
      : goTo(c, next)
  })

  app.post('/logout', async (c) => {
    const fields = await readForm(deps, c)
    const session = await sessionOf(deps, c)
    if (session) {
      await takeToken(deps, formOfSession('logout', session), fields)
      await deps.people.endSession(byOf(deps, c, session), readCookie(deps, c, 'mooring'))
    }
    dropCookie(deps, c, 'mooring')
    return goTo(c, '/login')
  })
}

/** Signs the browser in, or returns what to show on the form. */
export async function signInFrom(
  deps: PagesDeps,
  c: Context,
  fields: URLSearchParams,
): Promise<SignedIn | AppError> {
  const login = fields.get('login') ?? ''
  const password = fields.get('password') ?? ''
  if (login.trim() === '' || password === '')
    return new AppError('invalid_input', 'Login and password are both needed.')
  try {
    const session = await deps.people.signIn(deps.requestOrigin(c), {
      login,
      password: new Secret(password),
      cookie: readCookie(deps, c, 'mooring'),
    })
    keepSignedIn(deps, c, session)
    return session.signedIn
  } catch (error) {
    if (belongsOnForm(error)) return error
    throw error
  }
}

/** A path of ours, or the start page: never a way to another site. */
function ownPath(deps: PagesDeps, c: Context, next: string | null | undefined): string {
  if (!next?.startsWith('/') || /[\\\p{C}]/u.test(next)) return '/'
  const origin = deps.ownOrigin(c)
  const url = URL.parse(next, origin)
  if (url?.origin !== origin) return '/'
  // Once more after normalising: dots on the way can leave two slashes in front, which name a host.
  const path = url.pathname + url.search
  return path.startsWith('//') ? '/' : path
}
