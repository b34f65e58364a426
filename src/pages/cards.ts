// One card for each client program: what to do, and how far it got.
import { html } from 'hono/html'
import type { ConnectionView, KeyView } from './deps.ts'
import type { Html } from './layout.ts'
import {
  bridge,
  claudeCodeCommand,
  claudeLink,
  codexCommands,
  cursorConfiguration,
  cursorLink,
  desktopConfiguration,
  desktopConfigurationWindows,
  desktopFiles,
  type ProgramId,
  programOf,
  type Seen,
  vscodeCommand,
  vscodeLink,
} from './programs.ts'
import type { Reach } from './reach.ts'
import { ago } from './time-text.ts'

interface CardsInput {
  endpoint: string
  reach: Reach
  now: number
  uses: Use[]
  /** The one primary act of the page is taken by something else. */
  primaryTaken: boolean
}

export const command = (text: string, label = 'Command'): Html =>
  html`<code class="command" tabindex="0" role="group" aria-label="${label}">${text}</code>`

/** One credential of this person, by what it can be known again. */
export interface Use extends Seen {
  firstUsedAt: number | null
  lastUsedAt: number | null
  calls: number
}

/** Keys count once they are used: their label says for which program, if for any. */
export const usesOf = (connections: readonly ConnectionView[], keys: readonly KeyView[]): Use[] => [
  ...connections.map((c) => ({ ...c, clientName: c.client.name, clientHost: c.client.host })),
  ...keys
    .filter((key) => key.firstUsedAt !== null)
    .map((key) => ({ ...key, clientName: key.name, clientHost: null })),
]

type State =
  | { kind: 'none' }
  | { kind: 'signed-in' }
  | { kind: 'connected'; first: number; last: number; calls: number }

/** Connected means a real call arrived, not merely that somebody pressed Allow. */
export function stateOf(uses: readonly Use[]): State {
  const used = uses.filter((c) => c.firstUsedAt !== null)
  if (used.length === 0) return { kind: uses.length > 0 ? 'signed-in' : 'none' }
  return {
    kind: 'connected',
    first: Math.min(...used.map((c) => c.firstUsedAt ?? 0)),
    last: Math.max(...used.map((c) => c.lastUsedAt ?? c.firstUsedAt ?? 0)),
    calls: used.reduce((sum, c) => sum + c.calls, 0),
  }
}

export function cards(input: CardsInput): Html {
  const { endpoint, reach, uses, now, primaryTaken } = input
  const local = reach === 'loopback'
  const mine = (id: ProgramId | null) => uses.filter((use) => programOf(use) === id)
  const card = (id: ProgramId | null, title: string, sub: string, body: Html, full = false) => {
    const state = stateOf(mine(id))
    const lit = state.kind === 'connected'
    return html`<article class="panel card${lit ? ' lit' : ''}${full ? ' full' : ''}" id="${id ?? 'other'}">
<div class="top"><h3>${title}</h3><span class="small dim">${sub}</span>${badge(state, reach, id)}</div>
${state.kind === 'connected' && html`<p class="second">First call ${ago(now, state.first)}, last ${ago(now, state.last)}; ${state.calls} ${state.calls === 1 ? 'call' : 'calls'} so far.</p>`}
${body}</article>`
  }
  return html`<div class="cards">
${card('claude', 'Claude', 'web, desktop, phone', claudeCard(endpoint, reach, stateOf(mine('claude')).kind === 'connected', primaryTaken))}
${card(
  'claude-code',
  'Claude Code',
  'terminal',
  html`${command(claudeCodeCommand(endpoint))}<p class="second">Then run <code>/mcp</code> in Claude Code, choose mooring and Authenticate.</p>`,
)}
${card(
  'claude-desktop',
  'Claude Desktop, without the cloud',
  local ? 'on this computer' : 'through a bridge',
  desktopCard(endpoint),
  true,
)}
${card(
  'cursor',
  'Cursor',
  'editor',
  html`<p><a class="button" href="${cursorLink(endpoint)}">Add to Cursor</a></p>
<p class="second">Or put this into <code>.cursor/mcp.json</code>:</p>${command(cursorConfiguration(endpoint), 'Configuration')}`,
)}
${card(
  'vscode',
  'VS Code',
  'editor',
  html`<p><a class="button" href="${vscodeLink(endpoint)}">Add to VS Code</a></p>
<p class="second">Or in a terminal:</p>${command(vscodeCommand(endpoint))}`,
)}
${card('codex', 'Codex', 'terminal', html`${codexCommands(endpoint).map((line) => command(line))}`)}
${card(
  null,
  'Any other client',
  '',
  html`<p class="second">Give it the address above; it signs in by itself. If it only starts programs, put a bridge in front:</p>
${command([bridge(endpoint).command, ...bridge(endpoint).args].join(' '))}
<p class="second">If it can send a header but not sign in, <a href="/keys/new">create an API key</a>.</p>`,
)}
</div>`
}

function badge(state: State, reach: Reach, id: ProgramId | null): Html {
  if (state.kind === 'connected') return html`<span class="state ok">✓ Connected</span>`
  if (state.kind === 'signed-in')
    return html`<span class="state warn">◷ Signed in, no call yet</span>`
  if (id === 'claude' && reach !== 'public')
    return html`<span class="state bad">✕ Cannot reach this address</span>`
  if (reach === 'loopback' && id !== null)
    return html`<span class="state accent">Works now, on this computer</span>`
  return html`<span class="state">not yet</span>`
}

function claudeCard(endpoint: string, reach: Reach, connected: boolean, plain: boolean): Html {
  if (reach !== 'public') {
    const why = {
      loopback:
        'Claude connects from Anthropic’s cloud, and this address exists only on this computer.',
      private:
        'Claude connects from Anthropic’s cloud, and this name or address is private to your network.',
      plain: 'Claude takes https addresses only, and connects from Anthropic’s cloud.',
    }[reach]
    return html`<p class="cannot">${why} Set a public https address first; Claude Desktop works through the bridge meanwhile.</p>`
  }
  const button = (label: string, primary: boolean) =>
    html`<p><a class="button${primary ? ' primary' : ''}" href="${claudeLink(endpoint)}" rel="noopener noreferrer" target="_blank">${label}</a></p>`
  if (connected) return button('Add to Claude again', false)
  return html`${button('Add to Claude', !plain)}
<ol class="steps"><li><span>The button opens Claude’s own dialog with name and address filled in. Press Add.</span></li>
<li><span>Press Connect there, sign in here, and allow.</span></li>
<li><span>Ask Claude: “Which tools does Mooring give you?”</span></li></ol>
<p class="small dim">By hand: Claude › Settings › Connectors › Add custom connector, then paste the address above.</p>`
}

const desktopCard = (
  endpoint: string,
) => html`<p class="second">Runs on the computer of the person, so the address need not be reachable from the internet. Needs Node.js there.</p>
<ol class="steps"><li><span>In Claude Desktop: Settings › Developer › Edit Config. That opens one of the files below.</span></li>
<li><span>Add this, keep what is there, and save:</span></li></ol>
<dl class="facts"><dt>macOS</dt><dd><code>${desktopFiles.macOS}</code></dd><dt>Windows</dt><dd><code>${desktopFiles.Windows}</code></dd><dt>Linux</dt><dd><code>${desktopFiles.Linux}</code></dd></dl>
<div class="two"><div><p class="label">macOS and Linux</p>
${command(desktopConfiguration(endpoint), 'Configuration for macOS and Linux')}</div>
<div><p class="label">Windows</p>
${command(desktopConfigurationWindows(endpoint), 'Configuration for Windows')}</div></div>
<p class="second">Then quit Claude Desktop completely and start it again. A browser opens for the sign-in.</p>`
