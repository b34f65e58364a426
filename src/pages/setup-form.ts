// The form that makes the first admin.
import { html } from 'hono/html'
import type { AppError } from '../kernel/app-error.ts'
import { SHORTEST } from '../people/passwords.ts'
import { field, note } from './fields.ts'
import { type Html, hidden, solo } from './layout.ts'
import { prose } from './shown.ts'
import { ahead } from './time-text.ts'

export interface SetupErrors {
  login?: AppError | undefined
  password?: AppError | undefined
  form?: AppError | undefined
}

interface SetupPage {
  host: string
  token: string
  now: number
  expiresAt: number
  typed: { name?: string; login?: string }
  errors: SetupErrors
}

export const setupPage = ({ host, token, now, expiresAt, typed, errors }: SetupPage): Html =>
  solo({
    title: 'Set up',
    host,
    body: html`<h1>Who runs this gateway?</h1>
<p class="lead">This first account is the admin. The link you used works once and ends ${ahead(now, expiresAt)}.</p>
<form class="stack" method="post" action="/setup">
${errors.form && note('bad', prose(errors.form.message), errors.form.remedy && prose(errors.form.remedy))}
${hidden('form_token', token)}
${field({
  name: 'name',
  label: 'Name',
  value: typed.name,
  autocomplete: 'name',
  hint: 'As other people read it in the logs. The login is used when this is empty.',
  maxlength: 100,
})}
${field({
  name: 'login',
  label: 'Login',
  value: typed.login,
  autocomplete: 'username',
  required: true,
  error: text(errors.login),
})}
${field({
  name: 'password',
  label: 'Password',
  type: 'password',
  autocomplete: 'new-password',
  required: true,
  hint: `${SHORTEST} characters at least, and none that anybody would guess first. A sentence is easiest to keep; digits and symbols are not asked for.`,
  error: text(errors.password),
})}
<button class="primary wide">Create admin</button>
</form>`,
    foot: html`Nothing leaves this computer until you connect a client.`,
  })

const text = (error: AppError | undefined) =>
  error && [error.message, error.remedy].filter(Boolean).join(' ')
