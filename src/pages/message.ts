// The message page: what happened, why, and what to do. Every error that a person sees in a browser is one of these.
import type { Context } from 'hono'
import { html } from 'hono/html'
import { AppError } from '../kernel/app-error.ts'
import type { ErrorCode } from '../kernel/error-codes.ts'
import type { PagesDeps } from './deps.ts'
import { type Html, solo } from './layout.ts'
import { pageHeaders } from './send.ts'
import { prose, shown } from './shown.ts'

export interface Message {
  status: number
  title: string
  what: string
  why?: string | undefined
  remedy?: string | undefined
  /** Shown at the top right, to be compared with the address bar. */
  host?: string | undefined
  /** One way on, on our own origin. */
  link?: { href: string; label: string } | undefined
  /** The page ends an authorization that a client opened in a window of its own. */
  openedByClient?: boolean | undefined
}

export async function renderMessage(message: Message): Promise<Response> {
  return new Response(String(await messagePage(message)), {
    status: message.status,
    headers: pageHeaders({ openedByClient: message.openedByClient ?? false }),
  })
}

const messagePage = (message: Message): Html =>
  solo({
    title: message.title,
    host: message.host ?? '',
    body: html`<h1>${shown(message.title)}</h1>
<div class="stack">
<div class="note${message.status >= 400 ? ' bad' : ''}" role="alert"><span class="glyph" aria-hidden="true">${
      message.status >= 400 ? '✕' : 'i'
    }</span><div><p><strong>${prose(message.what)}</strong></p>${
      message.why && html`<p>${prose(message.why)}</p>`
    }</div></div>
${message.remedy && html`<div><h2>What to do</h2><p class="second">${prose(message.remedy)}</p></div>`}
${
  message.link &&
  html`<p class="actions"><a class="button" href="${message.link.href}">${message.link.label}</a></p>`
}
</div>`,
  })

const titles: Partial<Record<ErrorCode, string>> = {
  wrong_origin: 'Refused: this came from another site',
  forbidden: 'Refused',
  gone: 'This page is no longer good',
  not_found: 'There is no such thing here',
  rate_limited: 'Too many tries',
  too_large: 'Too much in one form',
  unsupported_media: 'This form cannot be read',
  overloaded: 'Busy',
  storage_unavailable: 'The store cannot be reached',
  conflict: 'It has changed meanwhile',
}

/** Whatever a page route throws, as a page. What is not an AppError stays in the log, under its request id. */
export function renderError(deps: PagesDeps, c: Context, error: unknown): Promise<Response> {
  const host = hostOf(deps, c)
  const link = { href: '/', label: 'Go to the start page' }
  const authorizing = /^\/(login|consent)\/./.test(c.req.path)
  if (!(error instanceof AppError) || error.code === 'internal') {
    const id = deps.requestOrigin(c).contextId
    deps.log.error({ err: error, requestId: id, path: c.req.path }, 'a page failed')
    return renderMessage({
      status: 500,
      title: 'Mooring made a mistake',
      what: 'The page could not be made.',
      why: `The log of the gateway has the details under \`${id}\`.`,
      remedy: 'Try again. If it stays, give that id to whoever runs this gateway.',
      host,
      link,
      openedByClient: authorizing,
    })
  }
  return renderMessage({
    status: error.status,
    title: titles[error.code] ?? 'This did not work',
    what: error.message,
    remedy:
      error.remedy ??
      (authorizing
        ? 'Start again in the program that brought you here.'
        : 'Go back and try again.'),
    host,
    link: authorizing ? undefined : link,
    openedByClient: authorizing,
  })
}

export const hostOf = (deps: PagesDeps, c: Context) => URL.parse(deps.ownOrigin(c))?.host ?? ''
