// The start page: one address, the steps for each client program, and what is connected so far.
import { html } from 'hono/html'
import type { SignedIn } from '../people/account.ts'
import { cards, command, stateOf, usesOf } from './cards.ts'
import { connectionList, keyList, serverList } from './connect-lists.ts'
import type { ConnectionView, KeyView, PublicUrlSource, ServerView } from './deps.ts'
import { type Html, room } from './layout.ts'
import { type Reach, reachOf } from './reach.ts'

interface ConnectPage {
  host: string
  now: number
  session: SignedIn
  signOutToken: string
  demoToken: string
  publicUrl: { url: string; source: PublicUrlSource }
  servers: ServerView[]
  connections: ConnectionView[]
  keys: KeyView[]
  /** The person switched the watching on or off; undefined is what the page thinks best. */
  watch: 'on' | 'off' | undefined
}

const REFRESH_SECONDS = 5

/** Who set the address, in the words of the page. */
export const sources: Record<PublicUrlSource, string> = {
  flag: 'set by the flag --public-url',
  env: 'set by the environment variable MOORING_PUBLIC_URL',
  file: 'set by the configuration file',
  setting: 'set here',
  default: 'not set: this is where the gateway listens',
}

export const isEditable = (source: PublicUrlSource) => source === 'setting' || source === 'default'

export function connectPage(p: ConnectPage): Html {
  const admin = p.session.account.role === 'admin'
  const endpoint = `${p.publicUrl.url}/mcp`
  const reach = reachOf(p.publicUrl.url)
  const uses = usesOf(p.connections, p.keys)
  const somethingCalled = stateOf(uses).kind === 'connected'
  // Watching is for the minutes before the first call; after it, it goes on only for who asks for it.
  const watching = p.watch === undefined ? !somethingCalled : p.watch === 'on'
  const serversFirst = p.servers.length === 0
  const servers = html`<section aria-labelledby="servers"><div class="head2"><h2 id="servers">Servers</h2>${
    p.servers.length > 0 && html`<p class="small">${counted(p.servers)}</p>`
  }</div>${serverList(p.servers, { admin, token: p.demoToken })}</section>`
  return room({
    title: 'Connect',
    host: p.host,
    account: p.session.account,
    signOutToken: p.signOutToken,
    refresh: watching ? REFRESH_SECONDS : undefined,
    body: html`<div class="head"><h1>Connect</h1><p>One address for every client. Each signs in as the person who uses it.</p></div>
<section class="panel" aria-label="Your address"><div class="address"><div><p class="small dim" id="address-label">Your address</p><p class="url" tabindex="0" role="group" aria-labelledby="address-label">${p.publicUrl.url}<wbr>/mcp</p>
<p class="small ${reach === 'public' ? 'dim' : 'second'}">Public address ${sources[p.publicUrl.source]}. ${reach === 'public' ? 'Its form is right for every client; whether it can be reached from outside shows with the first call.' : ''}</p></div>
${admin && isEditable(p.publicUrl.source) && html`<a class="button" href="/settings/public-url">${p.publicUrl.source === 'default' ? 'Set public address' : 'Change'}</a>`}</div></section>
${reach !== 'public' && limits(reach, p.publicUrl, admin)}
${serversFirst && servers}
${watchLine(watching, somethingCalled)}
<section aria-labelledby="clients"><h2 id="clients" class="vh">Client programs</h2>
${cards({ endpoint, reach, now: p.now, uses, primaryTaken: serversFirst && admin })}</section>
${!serversFirst && servers}
<section aria-labelledby="connections"><div class="head2"><h2 id="connections">Your connections</h2><p class="small">Revoke one and its next request is refused.</p></div>${connectionList(p.connections, p.now)}</section>
<section aria-labelledby="keys"><div class="head2"><h2 id="keys">Your API keys</h2><a class="button" href="/keys/new">Create a key</a></div>${keyList(p.keys, p.now)}</section>`,
  })
}

function counted(servers: readonly ServerView[]): string {
  const failing = servers.filter((s) => s.error).length
  const tools = servers.reduce((sum, s) => sum + (s.error ? 0 : (s.tools?.found ?? 0)), 0)
  return `${tools} tools${failing > 0 ? `; ${failing} of ${servers.length} servers ${failing === 1 ? 'does' : 'do'} not answer` : ''}`
}

const watchLine = (watching: boolean, somethingCalled: boolean): Html =>
  watching
    ? html`<div class="watch"><span>◷ ${somethingCalled ? 'Watching for calls.' : 'Waiting for the first call of a client.'} This page looks again every ${REFRESH_SECONDS} seconds.</span> <a href="/?watch=off">Stop looking</a></div>`
    : html`<div class="watch"><span>${somethingCalled ? 'Connecting another client?' : 'Not looking for calls.'}</span> <a href="/?watch=on">Look every ${REFRESH_SECONDS} seconds</a></div>`

/** What works now stands first; then how to get the rest. */
function limits(
  reach: Exclude<Reach, 'public'>,
  { url: origin, source }: ConnectPage['publicUrl'],
  admin: boolean,
): Html {
  const said = {
    loopback: {
      what: 'Claude on the web and phone cannot reach this address.',
      why: html`They connect from Anthropic’s cloud, and <code>${URL.parse(origin)?.hostname ?? origin}</code> exists only on this computer. Programs on this computer can.`,
      now: 'Claude Desktop through the bridge, Claude Code, Cursor, VS Code and Codex on this computer.',
    },
    private: {
      what: 'Claude on the web and phone cannot reach this address.',
      why: html`They connect from Anthropic’s cloud, and <code>${URL.parse(origin)?.hostname ?? origin}</code> is known only in your network. Programs in your network can.`,
      now: 'Claude Desktop through the bridge, Claude Code, Cursor, VS Code and Codex on computers of your network.',
    },
    plain: {
      what: 'Most clients refuse this address, because it is plain http.',
      why: html`Passwords and tokens could be read on the way, so Claude takes https only, and sign-in from other programs may be refused.`,
      now: 'Claude Desktop through the bridge, which is told to accept http, and scripts with an API key. Use neither over a network you do not trust.',
    },
  }[reach]
  const how = !isEditable(source)
    ? `Then change the address where it is ${sources[source]}.`
    : admin
      ? html`<a href="/settings/public-url">Set it as the public address</a>; the page says what changes before anything does.`
      : 'An admin can then set it as the public address.'
  const open = `http://127.0.0.1:${URL.parse(origin)?.port || '8420'}`
  return html`<section class="panel" aria-labelledby="limits"><div class="note warn"><span class="glyph" aria-hidden="true">!</span><div><h2 id="limits">${said.what}</h2><p>${said.why}</p></div></div>
<ol class="choices"><li><div><h3>Works now</h3><p>${said.now} The steps are below.</p></div></li>
<li><div><h3>Open a tunnel</h3><p>A public https name that leads here for as long as the command runs. Then set it as the public address.</p>${command(`cloudflared tunnel --url ${reach === 'loopback' ? origin : open}`)}</div></li>
<li><div><h3>Use a domain of yours</h3><p>With a reverse proxy and a certificate in front. ${how}</p></div></li></ol></section>`
}
