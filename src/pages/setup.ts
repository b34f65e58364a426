// /setup: the first admin. The token is taken from the address once and travels on in a cookie, so that neither the
// address bar, nor the history, nor a referrer keeps it.
import type { Context, Hono } from 'hono'
import { AppError } from '../kernel/app-error.ts'
import { parseLogin } from '../kernel/login-name.ts'
import { Secret } from '../kernel/secret.ts'
import { checkNewPassword } from '../people/passwords.ts'
import { dropCookie, keepSignedIn, readCookie, writeCookie } from './cookies.ts'
import type { PagesDeps } from './deps.ts'
import { formOfBrowser, issueToken, readForm, takeToken } from './forms.ts'
import { hostOf, renderMessage } from './message.ts'
import { goTo, page } from './send.ts'
import { type SetupErrors, setupPage } from './setup-form.ts'

export function setupRoutes(app: Hono, deps: PagesDeps): void {
  app.get('/setup', async (c) => {
    const brought = c.req.query('token')
    const token = brought ?? readCookie(deps, c, 'mooring-setup')
    if (token === undefined) return noLink(deps, c)
    const link = await checked(deps, token)
    if (link instanceof AppError) return refused(deps, c, link)
    if (brought !== undefined) {
      writeCookie(deps, c, 'mooring-setup', brought, link.expiresAt)
      return goTo(c, '/setup')
    }
    return show(deps, c, { expiresAt: link.expiresAt, typed: {}, errors: {} })
  })

  app.post('/setup', async (c) => {
    const fields = await readForm(deps, c)
    await takeToken(deps, formOfBrowser(deps, c, 'setup'), fields)
    const token = c.req.query('token') ?? readCookie(deps, c, 'mooring-setup')
    if (token === undefined) return noLink(deps, c)
    const link = await checked(deps, token)
    if (link instanceof AppError) return refused(deps, c, link)
    const typed = { name: fields.get('name') ?? '', login: fields.get('login') ?? '' }
    const password = new Secret(fields.get('password') ?? '')
    const again = (errors: SetupErrors) =>
      show(deps, c, { expiresAt: link.expiresAt, typed, errors }, 400)
    const errors = problemsOf(typed.login, password)
    if (errors.login || errors.password) return again(errors)
    try {
      const name = typed.name.trim() || undefined
      const origin = deps.requestOrigin(c)
      const session = await deps.people.useSetupLink(origin, {
        token,
        login: typed.login,
        name,
        password,
      })
      dropCookie(deps, c, 'mooring-setup')
      keepSignedIn(deps, c, session)
      return goTo(c, '/')
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error.code === 'invalid_input') return again({ form: error })
      if (error.code === 'gone' || error.code === 'conflict') return refused(deps, c, error)
      throw error
    }
  })
}

/** The rules of people/, one field at a time, so that each message stands at its field. */
function problemsOf(login: string, password: Secret): SetupErrors {
  return {
    login: problem(() => parseLogin(login)),
    password: problem(() => checkNewPassword(password, login)),
  }
}

function problem(check: () => unknown): AppError | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_input') return error
    throw error
  }
}

async function checked(deps: PagesDeps, token: string) {
  try {
    return await deps.people.checkSetupLink(token)
  } catch (error) {
    if (error instanceof AppError && ['gone', 'conflict', 'not_found'].includes(error.code))
      return error
    throw error
  }
}

const show = (
  deps: PagesDeps,
  c: Context,
  state: { expiresAt: number; typed: { name?: string; login?: string }; errors: SetupErrors },
  status = 200,
) =>
  page(
    c,
    setupPage({
      host: hostOf(deps, c),
      token: issueToken(deps, formOfBrowser(deps, c, 'setup')),
      now: deps.clock.now(),
      ...state,
    }),
    { status },
  )

const HOW_TO_GET_ONE =
  'On the machine of the gateway, run `mooring users recover`, or start `mooring serve` again: either prints a new link. It works once, for 15 minutes.'

function refused(deps: PagesDeps, c: Context, error: AppError) {
  const done = error.code === 'conflict'
  return renderMessage({
    status: error.status,
    title: done ? 'Mooring is set up already' : 'This setup link does not work',
    what: error.message,
    why: done
      ? 'A setup link makes the first admin only, so that nobody can take over a gateway that has one.'
      : 'Setup links work once and for 15 minutes, and a new one ends the older ones.',
    remedy: done
      ? 'Sign in. If nobody can, `mooring users recover LOGIN` on the machine of the gateway sets a new password.'
      : HOW_TO_GET_ONE,
    host: hostOf(deps, c),
    link: { href: '/login', label: 'Go to sign-in' },
  })
}

const noLink = (deps: PagesDeps, c: Context) =>
  renderMessage({
    status: 400,
    title: 'A setup link is needed',
    what: 'This page was opened without the token of a setup link.',
    why: 'The token is the part after `?token=`. It is missing when the address was copied in part, or when the browser does not keep cookies.',
    remedy: HOW_TO_GET_ONE,
    host: hostOf(deps, c),
    link: { href: '/login', label: 'Go to sign-in' },
  })
