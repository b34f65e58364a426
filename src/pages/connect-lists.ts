// The lists under the client cards: servers, connections of this person, API keys of this person.
import { html } from 'hono/html'
import type { Permit } from '../store/tables/state.ts'
import { command } from './cards.ts'
import type { ConnectionView, KeyView, ServerView } from './deps.ts'
import { type Html, hidden } from './layout.ts'
import { prose, shown } from './shown.ts'
import { ago, ahead } from './time-text.ts'

const permits: Record<Permit, string> = {
  none: '? every tool asks first',
  'read-only': '✓ read-only tools run, others ask first',
  all: '✓ every tool runs without asking',
}

export function serverList(
  servers: readonly ServerView[],
  demo: { admin: boolean; token: string },
): Html {
  if (servers.length === 0) return noServers(demo)
  return html`<ul class="panel list">${servers.map(
    (
      server,
    ) => html`<li><div><p class="name">${shown(server.name)} <span class="small dim">${server.kind}</span></p>
<p class="line"><code>${shown(server.where)}</code> · ${permits[server.permit]}</p></div>
<div class="end">${found(server)}</div>${server.error && trouble(server.error)}${server.warnings?.map(notice)}</li>`,
  )}</ul>`
}

function found({ tools, error }: ServerView): Html {
  if (error) return html`<span class="state bad">✕ does not answer</span>`
  if (!tools) return html`<span class="state">not looked at yet</span>`
  const hiddenTools =
    tools.hidden > 0 && html` <span class="state warn">${tools.hidden} hidden</span>`
  return html`<span class="state ok">✓ ${tools.found} ${tools.found === 1 ? 'tool' : 'tools'}</span>${hiddenTools}`
}

const trouble = (error: { message: string; remedy?: string | undefined }) =>
  html`<div class="note bad trouble"><span class="glyph" aria-hidden="true">✕</span><div><p><strong>${prose(error.message)}</strong></p>${
    error.remedy && html`<p>${prose(error.remedy)}</p>`
  }</div></div>`

const notice = (text: string) =>
  html`<div class="note warn trouble"><span class="glyph" aria-hidden="true">!</span><div><p>${prose(text)}</p></div></div>`

const noServers = ({ admin, token }: { admin: boolean; token: string }) =>
  html`<div class="panel empty"><p><strong>No server yet.</strong> A server is something whose tools the gateway offers. Without one, a client connects and finds nothing to use.</p>
${
  admin
    ? html`<form method="post" action="/servers/demo">${hidden('form_token', token)}<button class="primary">Add the demo server</button></form>
<p>It is harmless, and shows that everything works. A server of your own:</p>${command('mooring servers add NAME --url https://…')}`
    : html`<p>An admin of this gateway can add one.</p>`
}</div>`

export function connectionList(connections: readonly ConnectionView[], now: number): Html {
  if (connections.length === 0)
    return html`<div class="panel empty"><p>None yet. A client that you sign in to from here is listed, with when it was used and a way to end it.</p></div>`
  return html`<ul class="panel list">${connections.map(
    (
      c,
    ) => html`<li><div><p class="name">${shown(c.client.name)} <span class="small dim mono">${c.client.host !== null && shown(c.client.host)}</span></p>
<p class="line">${usage(c, now)} · allowed ${ago(now, c.createdAt)} · ${
      c.expiresAt === null ? 'ends when revoked' : html`ends ${ahead(now, c.expiresAt)}`
    }</p></div><div class="end"><a class="button" href="/connections/${encodeURIComponent(c.id)}/revoke">Revoke<span class="vh"> ${c.client.name}</span></a></div></li>`,
  )}</ul>`
}

export function keyList(keys: readonly KeyView[], now: number): Html {
  if (keys.length === 0)
    return html`<div class="panel empty"><p>None. A key is for a script, or for a client that cannot sign in.</p></div>`
  return html`<ul class="panel list">${keys.map(
    (
      key,
    ) => html`<li><div><p class="name">${shown(key.name)} <code class="dim">${key.prefix}…</code></p>
<p class="line">${usage(key, now)} · created ${ago(now, key.createdAt)} · ${
      key.expiresAt === null ? 'never ends' : html`ends ${ahead(now, key.expiresAt)}`
    }</p></div><div class="end"><a class="button" href="/keys/${encodeURIComponent(key.id)}/revoke">Revoke<span class="vh"> ${key.name}</span></a></div></li>`,
  )}</ul>`
}

const usage = (
  used: { firstUsedAt: number | null; lastUsedAt: number | null; calls: number },
  now: number,
) =>
  used.firstUsedAt === null
    ? html`never used`
    : html`first used ${ago(now, used.firstUsedAt)}, last ${ago(now, used.lastUsedAt ?? used.firstUsedAt)}, ${used.calls} ${used.calls === 1 ? 'call' : 'calls'}`
