// The connect page: address, client cards, and the lists of servers, connections and keys.
export const connectStyles = `
.panel { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 16px; min-width: 0; }
.panel + .panel, section + section, .panel + section, section + .panel, .watch + section { margin-top: 16px; }
section > h2 { margin: 24px 0 8px; }
section > .head2 { display: flex; flex-wrap: wrap; align-items: center; min-height: 32px; justify-content: space-between; gap: 8px; margin: 32px 0 8px; }
.head2 p { color: var(--ink-3); }
.address { display: flex; flex-wrap: wrap; gap: 12px 24px; align-items: center; justify-content: space-between; }
.address > div { min-width: 0; display: grid; gap: 4px; }
.url { font-size: 1rem; line-height: 1.5rem; overflow-wrap: anywhere; user-select: all; -webkit-user-select: all; }
.state { font-size: 0.75rem; line-height: 1rem; font-weight: 500; color: var(--ink-3); }
.state.ok { color: var(--ok); } .state.warn { color: var(--warn); } .state.bad { color: var(--bad); } .state.accent { color: var(--accent); }
.choices { margin-top: 4px; }
.choices > li { counter-increment: choice; display: grid; grid-template-columns: 16px minmax(0, 1fr); gap: 4px 16px; padding: 12px 0; }
.choices > li + li { border-top: 1px solid var(--line); }
.choices > li:last-child { padding-bottom: 0; }
.choices > li::before { content: counter(choice); color: var(--ink-3); font-weight: 500; }
.choices > li > div { display: grid; gap: 4px; }
.choices p { color: var(--ink-2); }
.watch { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 4px 16px; margin-top: 16px;
  padding: 8px 16px; border: 1px dashed var(--line-control); border-radius: 10px; color: var(--ink-2); }
.watch + .cards { margin-top: 16px; }
.cards { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
.card { display: grid; gap: 12px; align-content: start; margin: 0 !important; }
.card.full { grid-column: 1 / -1; }
.card.lit { border-color: var(--ok); box-shadow: inset 0 0 0 1px var(--ok); }
.card .top { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 8px; }
.card .top .state { margin-left: auto; }
.card .cannot { color: var(--ink-2); }
.two { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px 16px; }
.two > * { min-width: 0; display: grid; gap: 4px; align-content: start; }
.list { padding: 0 16px; }
.list > li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 4px 16px; align-items: center; padding: 8px 0; min-height: 44px; }
.list > li + li { border-top: 1px solid var(--line); }
.list .name { font-weight: 500; overflow-wrap: anywhere; }
.list .line { color: var(--ink-2); font-size: 0.75rem; line-height: 1rem; overflow-wrap: anywhere; }
.list .line > * { display: inline; }
.list .trouble { grid-column: 1 / -1; }
.list .end { text-align: right; }
.empty { display: grid; gap: 8px; justify-items: start; }
.empty p { color: var(--ink-2); }
@media (max-width: 760px) {
  .cards, .two { grid-template-columns: minmax(0, 1fr); }
  .card .button, .empty button { width: 100%; }
  .empty form { width: 100%; }
  .url { font-size: 0.875rem; }
  .list > li { min-height: 56px; }
}
`
