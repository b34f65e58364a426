// /settings/public-url: the one setting that clients depend on. Shows who set it, says what ends, then changes it.
import type { Context, Hono } from 'hono'
import { html } from 'hono/html'
import { AppError } from '../kernel/app-error.ts'
import type { SignedIn } from '../people/account.ts'
import { isEditable, sources } from './connect-page.ts'
import type { PagesDeps, PublicUrlSource } from './deps.ts'
import { field, note } from './fields.ts'
import { formOfSession, issueToken, readForm, takeToken } from './forms.ts'
import { type Html, hidden, room } from './layout.ts'
import { hostOf } from './message.ts'
import { reachOf } from './reach.ts'
import { formTargetsOf, goTo, page } from './send.ts'
import { byOf, forAdmin } from './who.ts'

const PATH = '/settings/public-url'

export function publicUrlRoutes(app: Hono, deps: PagesDeps): void {
  const show = (
    c: Context,
    session: SignedIn,
    body: Html,
    options: { status?: number; formTargets?: string[] } = {},
  ) =>
    page(
      c,
      room({
        title: 'Public address',
        host: hostOf(deps, c),
        account: session.account,
        signOutToken: issueToken(deps, formOfSession('logout', session)),
        body: html`<div class="narrow">${body}</div>`,
      }),
      options,
    )

  const form = (c: Context, session: SignedIn, typed?: string, error?: AppError) => {
    const token = issueToken(deps, formOfSession('public url', session))
    const current = deps.publicUrl.current()
    return show(c, session, urlForm({ ...current, token, typed, error }), {
      status: error?.status ?? 200,
    })
  }

  app.get(
    PATH,
    forAdmin(deps, (c, session) => form(c, session)),
  )

  app.post(
    PATH,
    forAdmin(deps, async (c, session) => {
      const fields = await readForm(deps, c)
      const typed = (fields.get('url') ?? '').trim()
      const confirmed = fields.get('confirm') === 'yes'
      const target = confirmed ? `public url ${typed}` : 'public url'
      await takeToken(deps, formOfSession(target, session), fields)
      const current = deps.publicUrl.current()
      refuseIfFixed(current.source)
      const preview = await previewed(deps, typed)
      if (preview instanceof AppError) return form(c, session, typed, preview)
      if (!confirmed && preview.url === current.url) return goTo(c, '/')
      if (!confirmed) {
        const token = issueToken(deps, formOfSession(`public url ${preview.url}`, session))
        const next = { ...preview, token, from: current.url }
        return show(c, session, confirmation(next), { formTargets: formTargetsOf(preview.url) })
      }
      await deps.publicUrl.set(byOf(deps, c, session), preview.url)
      return goTo(c, `${preview.url}/`)
    }),
  )
}

async function previewed(deps: PagesDeps, typed: string) {
  try {
    return await deps.publicUrl.preview(typed)
  } catch (error) {
    if (error instanceof AppError && error.status < 500) return error
    throw error
  }
}

function refuseIfFixed(source: PublicUrlSource): void {
  if (isEditable(source)) return
  throw new AppError('conflict', `The public address is ${sources[source]}.`, {
    remedy: 'Change it there. What is set outside cannot be changed on this page.',
  })
}

function urlForm(p: {
  url: string
  source: PublicUrlSource
  token: string
  typed: string | undefined
  error: AppError | undefined
}): Html {
  const editable = isEditable(p.source)
  return html`<h1>Public address</h1>
<form class="panel stack" method="post" action="${PATH}">${hidden('form_token', p.token)}
<dl class="facts"><dt>Now</dt><dd class="mono">${p.url}</dd><dt>From</dt><dd>${sources[p.source]}</dd></dl>
${
  editable
    ? html`${field({
        name: 'url',
        label: 'New address',
        type: 'url',
        value: p.typed ?? (p.source === 'default' ? '' : p.url),
        autocomplete: 'off',
        hint: 'Scheme, host and port, without a path: https://mooring.example.com',
        error: p.error && [p.error.message, p.error.remedy].filter(Boolean).join(' '),
        required: true,
        mono: true,
      })}
<p class="second">The next page says what ends with the change. Nothing changes before you confirm it there.</p>
<div class="pair"><a class="button" href="/">Keep as it is</a><button class="primary">Check</button></div>`
    : html`${note('info', `It is ${sources[p.source]}.`, 'Change it there and start the gateway again. It is read-only here, so that two places never disagree.')}
<p class="actions"><a class="button" href="/">Go back</a></p>`
}</form>`
}

const confirmation = (p: {
  url: string
  from: string
  grantsEnding: number
  token: string
}): Html =>
  html`<h1>Change the public address?</h1>
<form class="panel stack" method="post" action="${PATH}">${hidden('form_token', p.token)}${hidden('url', p.url)}${hidden('confirm', 'yes')}
<p>${ending(p.grantsEnding)}</p>
<dl class="facts"><dt>From</dt><dd class="mono">${p.from}</dd><dt>To</dt><dd class="mono">${p.url}</dd></dl>
<p class="second">API keys stay good, at the new address. You will sign in again there.</p>
${reachOf(p.url) !== 'public' && note('warn', 'Claude on the web and phone cannot use the new address.', 'They need https and a name that is known on the internet.')}
<div class="pair"><a class="button" href="/">Keep as it is</a><button class="danger">Change address</button></div></form>`

const ending = (count: number) =>
  count === 0
    ? 'No connection ends: nobody is connected through the old address.'
    : `${count} ${count === 1 ? 'connection ends' : 'connections end'} with the next request, because ${count === 1 ? 'it was' : 'they were'} made for the old address. The people behind can connect again by signing in.`
