// /connections/ID/revoke and /keys/ID/revoke: says what ends before it ends. People see and revoke what is theirs.
import type { Context, Hono } from 'hono'
import { html } from 'hono/html'
import { AppError } from '../kernel/app-error.ts'
import type { SignedIn } from '../people/account.ts'
import type { PagesDeps } from './deps.ts'
import { formOfSession, issueToken, readForm, takeToken } from './forms.ts'
import { type Html, hidden, room } from './layout.ts'
import { hostOf } from './message.ts'
import { goTo, page } from './send.ts'
import { shown } from './shown.ts'
import { byOf, forSignedIn } from './who.ts'

interface Revocation {
  path: '/connections/:id/revoke' | '/keys/:id/revoke'
  /** What the id names, if it is this person's. */
  find(session: SignedIn, id: string): Promise<{ name: string } | undefined>
  title(name: Html): Html
  consequence: string
  undo: string
  keep: string
  act: string
  run(c: Context, session: SignedIn, id: string): Promise<unknown>
}

export function revokeRoutes(app: Hono, deps: PagesDeps): void {
  revocation(app, deps, {
    path: '/connections/:id/revoke',
    find: async ({ account }, id) => {
      const grant = (await deps.grants.list(account.id)).find(
        (g) => g.id === id && g.revokedAt === null,
      )
      return grant && { name: grant.client.name }
    },
    title: (name) => html`Revoke ${name}?`,
    consequence: 'Its next request will be refused, and it cannot renew its access.',
    undo: 'You can connect it again by signing in. Your other connections stay.',
    keep: 'Keep connected',
    act: 'Revoke connection',
    run: (c, session, id) => deps.grants.revoke(byOf(deps, c, session), id, 'revoked by its user'),
  })
  revocation(app, deps, {
    path: '/keys/:id/revoke',
    find: async ({ account }, id) => {
      const key = (await deps.keys.list(account.id)).find(
        (k) => k.id === id && k.revokedAt === null,
      )
      return key && { name: key.name }
    },
    title: (name) => html`Revoke the key ${name}?`,
    consequence: 'Whatever uses it will be refused from its next request.',
    undo: 'A revoked key cannot be brought back; a new one can be created.',
    keep: 'Keep the key',
    act: 'Revoke key',
    run: (c, session, id) => deps.keys.revoke(byOf(deps, c, session), id),
  })
}

function revocation(app: Hono, deps: PagesDeps, r: Revocation): void {
  const found = async (c: Context, session: SignedIn) => {
    const id = c.req.param('id') ?? ''
    const thing = await r.find(session, id)
    if (!thing)
      throw new AppError('not_found', 'It is not yours, or it has ended already.', {
        remedy: 'The start page lists what you have now.',
      })
    return { id, name: thing.name }
  }
  app.get(
    r.path,
    forSignedIn(deps, async (c, session) => {
      const { id, name } = await found(c, session)
      return page(
        c,
        room({
          title: r.act,
          host: hostOf(deps, c),
          account: session.account,
          signOutToken: issueToken(deps, formOfSession('logout', session)),
          body: html`<div class="narrow"><h1>${r.title(shown(name, 80))}</h1>
<form class="panel stack" method="post" action="${c.req.path}"><p>${r.consequence}</p><p class="second">${r.undo}</p>
${hidden('form_token', issueToken(deps, formOfSession(`revoke ${id}`, session)))}
<div class="pair"><a class="button" href="/">${r.keep}</a><button class="danger">${r.act}</button></div></form></div>`,
        }),
      )
    }),
  )
  app.post(
    r.path,
    forSignedIn(deps, async (c, session) => {
      const fields = await readForm(deps, c)
      const { id } = await found(c, session)
      await takeToken(deps, formOfSession(`revoke ${id}`, session), fields, { urgent: true })
      await r.run(c, session, id)
      return goTo(c, '/')
    }),
  )
}
