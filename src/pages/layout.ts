// The two frames of a page: one column for people who are not signed in yet, and the full width for those who are.
import { html, raw } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import type { Account } from '../people/account.ts'
import { markPath, stylesheetPath } from './assets.ts'
import { shown } from './shown.ts'

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>

interface Frame {
  title: string
  /** Host and port of this gateway, to be compared with the address bar. */
  host: string
  body: Html
  /** Seconds until the page loads itself again. */
  refresh?: number | undefined
}

/** Pages before login, decisions and messages: one column. */
export const solo = (page: Frame & { foot?: Html; decision?: boolean }): Html =>
  documentOf(
    page,
    html`<body class="solo${page.decision ? ' decision' : ''}">
<header class="bar">${brand}<span class="host">${page.host}</span></header>
<main>
${page.body}
</main>
${page.foot && html`<footer>${page.foot}</footer>`}
</body>`,
  )

/** Pages of a person who is signed in. */
export const room = (page: Frame & { account: Account; signOutToken: string }): Html =>
  documentOf(
    page,
    html`<body class="room">
<a class="skip" href="#main">Skip to content</a>
<header class="bar"><a class="home" href="/">${brand}</a><span class="host">${page.host}</span>
<div class="me"><span class="who">${shown(page.account.name, 60)} <span class="dim">${page.account.role}</span></span>
<form method="post" action="/logout">${hidden('form_token', page.signOutToken)}<button class="quiet">Sign out</button></form></div></header>
<main id="main">
${page.body}
</main>
</body>`,
  )

const documentOf = (page: Frame, body: Html): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${page.refresh !== undefined && html`<meta http-equiv="refresh" content="${page.refresh}">`}
<title>${page.title} · Mooring</title>
<link rel="stylesheet" href="${stylesheetPath}">
<link rel="icon" href="${markPath}" type="image/svg+xml">
</head>
${body}
</html>
`

export const hidden = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${value}">`

// Two posts and the rope between them.
const brand = html`<span class="brand"><svg class="mark" viewBox="0 0 20 20" aria-hidden="true">${raw(
  '<path class="post" d="M4 3v14M16 3v14"/><path class="cap" d="M2 3.5h4M14 3.5h4"/><path class="rope" d="M4 7c1 7 11 7 12 0"/>',
)}</svg>Mooring</span>`
