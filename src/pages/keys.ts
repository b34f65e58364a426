// /keys/new: an API key of one's own, shown once.
import type { Context, Hono } from 'hono'
import { html } from 'hono/html'
import { AppError } from '../kernel/app-error.ts'
import { days, hours } from '../kernel/time.ts'
import type { SignedIn } from '../people/account.ts'
import { command } from './cards.ts'
import type { PagesDeps } from './deps.ts'
import { field, note } from './fields.ts'
import { formOfSession, issueToken, readForm, takeToken } from './forms.ts'
import { type Html, hidden, room } from './layout.ts'
import { hostOf } from './message.ts'
import { claudeCodeCommand } from './programs.ts'
import { page } from './send.ts'
import { prose, shown } from './shown.ts'
import { ahead } from './time-text.ts'
import { byOf, forSignedIn } from './who.ts'

const lifetimes = [
  { value: '1h', label: '1 hour', ms: hours(1) },
  { value: '1d', label: '1 day', ms: days(1) },
  { value: '30d', label: '30 days', ms: days(30) },
  { value: '90d', label: '90 days', ms: days(90) },
  { value: '365d', label: '1 year', ms: days(365) },
  { value: 'never', label: 'until revoked', ms: null },
] as const
const USUAL = '30d'
const LONGEST_LABEL = 100

export function keyRoutes(app: Hono, deps: PagesDeps): void {
  const inRoom = (c: Context, session: SignedIn, title: string, body: Html, status = 200) =>
    page(
      c,
      room({
        title,
        host: hostOf(deps, c),
        account: session.account,
        signOutToken: issueToken(deps, formOfSession('logout', session)),
        body: html`<div class="narrow">${body}</div>`,
      }),
      { status },
    )

  const form = (c: Context, session: SignedIn, typed: Typed, error?: AppError) =>
    inRoom(
      c,
      session,
      'Create an API key',
      keyForm(issueToken(deps, formOfSession('new key', session)), typed, error),
      error?.status,
    )

  app.get(
    '/keys/new',
    forSignedIn(deps, (c, session) => form(c, session, { name: '', lifetime: USUAL })),
  )

  app.post(
    '/keys/new',
    forSignedIn(deps, async (c, session) => {
      const fields = await readForm(deps, c)
      await takeToken(deps, formOfSession('new key', session), fields)
      const typed = {
        name: (fields.get('name') ?? '').trim(),
        lifetime: fields.get('lifetime') ?? USUAL,
      }
      const lifetime = lifetimes.find((l) => l.value === typed.lifetime)
      if (!lifetime || typed.name === '' || Array.from(typed.name).length > LONGEST_LABEL)
        return form(
          c,
          session,
          typed,
          new AppError(
            'invalid_input',
            lifetime
              ? `A label has 1 to ${LONGEST_LABEL} characters.`
              : 'Choose one of the lifetimes.',
          ),
        )
      try {
        const created = await deps.keys.create(byOf(deps, c, session), {
          userLogin: session.account.login,
          name: typed.name,
          ttlMs: lifetime.ms,
        })
        const endpoint = `${deps.publicUrl.current().url}/mcp`
        return inRoom(
          c,
          session,
          'Your new key',
          newKey(deps.clock.now(), endpoint, typed.name, created),
        )
      } catch (error) {
        if (error instanceof AppError && ['invalid_input', 'conflict'].includes(error.code))
          return form(c, session, typed, error)
        throw error
      }
    }),
  )
}

interface Typed {
  name: string
  lifetime: string
}

const keyForm = (token: string, typed: Typed, error?: AppError): Html =>
  html`<h1>Create an API key</h1>
<form class="panel stack" method="post" action="/keys/new">${hidden('form_token', token)}
${field({
  name: 'name',
  label: 'Label',
  value: typed.name,
  autocomplete: 'off',
  hint: 'What it is for, so that you know which one to revoke: “nightly report”.',
  error: error && [error.message, error.remedy].filter(Boolean).join(' '),
  required: true,
  autofocus: true,
  maxlength: LONGEST_LABEL,
})}
<div class="field"><label for="lifetime">Good for</label><select id="lifetime" name="lifetime">${lifetimes.map(
    (l) =>
      html`<option value="${l.value}"${l.value === typed.lifetime && ' selected'}>${l.label}</option>`,
  )}</select></div>
<p class="second">Whoever has the key can use every tool that you may use. It is shown once.</p>
<div class="pair"><a class="button" href="/">Cancel</a><button class="primary">Create key</button></div></form>`

const newKey = (
  now: number,
  endpoint: string,
  name: string,
  { key, expiresAt }: { key: { reveal(): string }; expiresAt: number | null },
): Html => html`<h1>Your new key</h1>
<div class="panel stack">${note('warn', 'This is the only time it is shown.', prose('Only a digest of it is stored. Copy it now; if it is lost, revoke it and create another.'))}
<div class="field"><p class="label">${shown(name)}</p><code class="command secret" tabindex="0" role="group" aria-label="The key">${key.reveal()}</code>
<p class="hint">${expiresAt === null ? 'Good until revoked.' : html`Ends ${ahead(now, expiresAt)}.`}</p></div>
<div class="field"><p class="label">As a header</p>${command(`Authorization: Bearer ${key.reveal()}`, 'Header')}</div>
<div class="field"><p class="label">In Claude Code</p>${command(claudeCodeCommand(endpoint, key.reveal()))}</div>
<p class="actions"><a class="button" href="/">Copied, go back</a></p></div>`
