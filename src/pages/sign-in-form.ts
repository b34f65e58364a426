// The sign-in form: on its own, and in the middle of an authorization.
import { html } from 'hono/html'
import type { PendingClient } from '../grants/pending-authorization.ts'
import { AppError } from '../kernel/app-error.ts'
import { field, note } from './fields.ts'
import { type Html, hidden, solo } from './layout.ts'
import { prose, shown } from './shown.ts'

export interface SignInPage {
  host: string
  /** Where the form is posted: the page's own address. */
  action: string
  token: string
  next?: string | undefined
  client?: PendingClient | undefined
  /** What was typed before, and what was wrong with it. */
  login?: string | undefined
  error?: AppError | undefined
  /** Somebody is signed in, but not the person that the request began with. */
  continueAs?: { name: string; login: string } | undefined
}

export const signInPage = (p: SignInPage): Html =>
  solo({
    title: 'Sign in',
    host: p.host,
    body: html`<h1>Sign in to Mooring</h1>
${p.client && lead(p.client)}
<form class="stack" method="post" action="${p.action}">
${p.error && note('bad', prose(p.error.message), p.error.remedy && prose(p.error.remedy))}
${hidden('form_token', p.token)}${p.next !== undefined && hidden('next', p.next)}
${field({
  name: 'login',
  label: 'Login',
  value: p.login,
  autocomplete: 'username',
  required: true,
  autofocus: !p.login,
})}
${field({
  name: 'password',
  label: 'Password',
  type: 'password',
  autocomplete: 'current-password',
  required: true,
  autofocus: Boolean(p.login),
})}
<button class="primary wide">Sign in</button>
</form>
${
  p.continueAs &&
  html`<form class="stack" method="post" action="${p.action}">${hidden('form_token', p.token)}
<button class="wide" name="decision" value="continue"><span>Continue as ${shown(p.continueAs.name, 60)}</span></button></form>`
}
<p class="small dim after">Password lost? Whoever runs this gateway can help with <code>mooring users recover LOGIN</code>.</p>`,
    foot: html`Check the address bar: this page is only real on the host named above.`,
  })

const lead = (client: PendingClient) =>
  html`<p class="lead">to go on with <strong class="mono">${shown(client.redirectHost)}</strong>, which calls itself “${shown(client.name)}”</p>`

/** Errors that belong on the form; anything else is a page of its own. */
export const belongsOnForm = (error: unknown): error is AppError =>
  error instanceof AppError &&
  ['sign_in_failed', 'user_disabled', 'rate_limited', 'overloaded', 'invalid_input'].includes(
    error.code,
  )
