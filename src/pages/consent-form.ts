// The consent page (RFC 6749 §4.1.1, with the MCP rules for look-alike clients): the host is what a person can trust,
// so it is large; the name is what the client says of itself, so it is small and in quotation marks.
import { html } from 'hono/html'
import type { Interaction, PendingClient, ScopeChoice } from '../grants/pending-authorization.ts'
import type { Account } from '../people/account.ts'
import { note } from './fields.ts'
import { type Html, hidden, solo } from './layout.ts'
import { oddities, shown } from './shown.ts'
import { ahead } from './time-text.ts'

interface ConsentPage {
  host: string
  action: string
  token: string
  switchToken: string
  now: number
  account: Account
  interaction: Interaction
  error?: string | undefined
}

export function consentPage(p: ConsentPage): Html {
  const { client, scopes, resource, grantEndsAt } = p.interaction
  const careful = needsCare(client)
  return solo({
    title: 'Allow a client',
    host: p.host,
    decision: true,
    body: html`<h1>${headline(client)}</h1>
<div class="stack">
<div class="party"><p class="small dim">Your approval goes to</p>
<p class="hostbig">${shown(client.redirectHost)}</p>
<p class="second called">It calls itself “${shown(client.name)}” ${standing(client)}</p></div>
${warning(client)}
${p.error !== undefined && note('bad', p.error)}
<form class="consent" method="post" action="${p.action}">${hidden('form_token', p.token)}
<fieldset class="checks"><legend>It will be able to</legend>
<ul>${scopes.map((scope, index) => choice(scope, index, !careful))}</ul></fieldset>
<dl class="facts"><dt>At</dt><dd class="mono">${shown(resource)}</dd>
<dt>As</dt><dd>${shown(p.account.name, 60)} (${shown(p.account.login, 64)}) · <button class="link" form="switch">not you?</button></dd>
<dt>Ends</dt><dd>${
      grantEndsAt === null
        ? 'when you revoke it on the connect page'
        : html`${ahead(p.now, grantEndsAt)}, or when you revoke it on the connect page`
    }</dd></dl>
<div class="pair"><button name="decision" value="cancel">Cancel</button>
<button${!careful && html` class="primary"`} name="decision" value="allow"><span>Allow ${shown(shortHost(client), 40)}</span></button></div>
</form>
<form id="switch" method="post" action="${p.action}">${hidden('form_token', p.switchToken)}${hidden('decision', 'switch')}</form>
</div>`,
    foot: html`Check the address bar: this page is only real on the host named above.`,
  })
}

const isWeb = (client: PendingClient) => /^https?:/i.test(client.redirectUri)
const isLocal = (client: PendingClient) => client.loopback || !isWeb(client)
const isKnown = (client: PendingClient) => client.verifiedHost !== null || client.trusted

/** Any program can listen on this computer, so not even a verified name is proof there. */
const needsCare = (client: PendingClient) => !isKnown(client) || isLocal(client)

function headline(client: PendingClient): Html {
  if (client.loopback) return html`A program on this computer wants to use your tools`
  if (!isWeb(client)) return html`An app on this device wants to use your tools`
  return html`Let ${shown(client.redirectHost, 80)} use your tools?`
}

function shortHost(client: PendingClient): string {
  const url = URL.parse(client.redirectUri)
  return isWeb(client) && url ? url.hostname : client.redirectHost
}

function standing(client: PendingClient): Html {
  if (client.verifiedHost !== null)
    return html`<span class="tag ok">✓ Verified</span></p><p class="small dim">Its identity document was fetched from <span class="mono">${shown(client.verifiedHost)}</span>.`
  if (client.trusted || client.kind === 'static')
    return html`<span class="tag accent">Added by admin</span>`
  return html`<span class="tag">Unverified</span>`
}

function warning(client: PendingClient): Html | false {
  const odd = oddities(client.name)
  const name = odd.length > 0 && html`This name ${odd.join(', and ')}. `
  const freely = !isKnown(client) && 'Anyone can choose that name. '
  if (isLocal(client))
    return note(
      'warn',
      'Mooring cannot tell which program this is.',
      html`${freely}${name}Continue only if you started this sign-in yourself, on this computer, just now.`,
    )
  if (!isKnown(client))
    return note(
      'warn',
      'Nobody vouches for this client.',
      html`${freely}${name}Continue only if you know the host above and started this sign-in there.`,
    )
  return odd.length > 0 && note('warn', html`${name}`, 'Go by the host above, not by the name.')
}

const choice = (scope: ScopeChoice, index: number, ticked: boolean) => {
  const id = `scope-${index}`
  const state = scope.required ? ' checked disabled' : ticked ? ' checked' : ''
  return html`<li><input type="checkbox" id="${id}" name="scope" value="${scope.name}"${state} aria-describedby="${id}-what">
<label for="${id}"><strong>${shown(scope.title)}</strong>${scope.required && html` <span class="dim">required</span>`}
<span class="second" id="${id}-what">${shown(scope.description, 400)}</span></label></li>`
}
