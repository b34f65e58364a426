// Buttons, fields, notes, tags and the parts of the one-column pages.
export const components = `
button, .button {
  display: inline-flex; align-items: center; justify-content: center; gap: 8px; min-height: 32px; padding: 5px 12px;
  border: 1px solid var(--line-control); border-radius: 6px; background: var(--surface); color: var(--ink);
  font: 500 0.8125rem/1.25rem var(--sans); text-decoration: none; cursor: pointer; overflow-wrap: anywhere;
}
button:hover, .button:hover { background: var(--hover); }
.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.primary:hover { background: color-mix(in srgb, var(--accent) 88%, var(--ink)); }
.danger { background: var(--bad); border-color: var(--bad); color: var(--on-bad); }
.danger:hover { background: color-mix(in srgb, var(--bad) 88%, var(--ink)); }
.quiet { border-color: transparent; background: transparent; color: var(--ink-2); }
.link { display: inline; min-height: 24px; padding: 0; border: 0; background: none; color: var(--accent); font: inherit;
  text-decoration: underline; text-underline-offset: 2px; text-decoration-thickness: 1px; }
.link:hover { background: none; }
.wide { width: 100%; }
.solo .wide, .pair button, .pair .button { min-height: 40px; font-size: 0.875rem; }
.after { margin-top: 16px; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }

.field { display: grid; gap: 4px; }
.field label, legend, .label { font-weight: 500; color: var(--ink); padding: 0; }
.field input:not([type=checkbox]):not([type=radio]), .field select {
  width: 100%; min-height: 40px; padding: 8px 12px; border: 1px solid var(--line-control); border-radius: 6px;
  background: var(--surface); color: var(--ink); font: 400 1rem/1.375rem var(--sans);
}
.field input.mono { font-family: var(--mono); font-size: 0.875rem; }
.field input[aria-invalid=true] { border-color: var(--bad); box-shadow: inset 0 0 0 1px var(--bad); }
.field input[readonly] { background: var(--sunken); }
.hint { color: var(--ink-3); font-size: 0.75rem; line-height: 1rem; }
.error { color: var(--bad); font-size: 0.75rem; line-height: 1rem; font-weight: 500; }
.error::before { content: '✕ '; content: '✕ ' / ''; }

.note { display: grid; grid-template-columns: auto 1fr; gap: 4px 12px; padding: 12px; border-radius: 6px; background: var(--sunken); }
.note > .glyph { font-weight: 600; line-height: 1.25rem; }
.note p { color: var(--ink-2); overflow-wrap: anywhere; }
.note strong { color: var(--ink); }
.note > div { min-width: 0; display: grid; gap: 4px; }
.note.warn { background: var(--warn-soft); } .note.warn .glyph { color: var(--warn); }
.note.bad { background: var(--bad-soft); } .note.bad .glyph { color: var(--bad); }
.note.ok { background: var(--ok-soft); } .note.ok .glyph { color: var(--ok); }

.tag { display: inline-block; padding: 0 6px; border-radius: 4px; font-size: 0.75rem; line-height: 1.25rem; font-weight: 500;
  background: var(--sunken); color: var(--ink-2); white-space: nowrap; }
.tag.ok { background: var(--ok-soft); color: var(--ok); }
.tag.accent { background: var(--accent-soft); color: var(--accent); }
.cp { display: inline-block; padding: 0 4px; margin: 0 1px; border: 1px solid var(--bad); border-radius: 4px;
  font: 500 0.6875rem/1rem var(--mono); color: var(--bad); white-space: nowrap; unicode-bidi: isolate; }

.party { display: grid; gap: 4px; padding: 12px 0; border-block: 1px solid var(--line); overflow-wrap: anywhere; }
.hostbig { font-size: 1.25rem; line-height: 1.75rem; letter-spacing: -0.01em; }
.called bdi { font-family: var(--mono); font-size: 0.75rem; }
.consent { display: grid; gap: 16px; }
.checks li { display: grid; grid-template-columns: auto 1fr; gap: 0 12px; padding: 10px 0; }
.checks li:last-child { padding-bottom: 0; }
.checks li + li { border-top: 1px solid var(--line); }
.checks label { overflow-wrap: anywhere; min-width: 0; }
.checks label span { display: block; }
.checks label .dim { display: inline; }
input[type=checkbox], input[type=radio] { accent-color: var(--accent); width: 18px; height: 18px; margin: 1px 0 0; }
.facts { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; font-size: 0.75rem; line-height: 1rem; }
.facts dt { color: var(--ink-3); }
.facts dd { min-width: 0; overflow-wrap: anywhere; }
.facts .link { display: inline-flex; margin: -4px 0; }

.command { display: block; margin: 0; padding: 10px 12px; border-radius: 6px; background: var(--sunken); color: var(--ink);
  font: 400 0.75rem/1.125rem var(--mono); font-variant-ligatures: none; white-space: pre-wrap; overflow-wrap: anywhere;
  user-select: all; -webkit-user-select: all; cursor: text; }
.secret { font-size: 0.875rem; line-height: 1.375rem; border: 1px solid var(--line-control); }
.steps { counter-reset: step; display: grid; gap: 8px; }
.steps > li { counter-increment: step; display: grid; grid-template-columns: 16px 1fr; gap: 0 8px; color: var(--ink-2); }
.steps > li::before { content: counter(step); color: var(--ink-3); font-weight: 500; }
.steps > li > * { grid-column: 2; min-width: 0; }
.steps > li > .command { margin-top: 4px; }

@media (max-width: 760px) {
  button, .button { min-height: 40px; }
  .link { min-height: 24px; }
  .pair button, .pair .button { min-height: 44px; }
  .decision main { padding-bottom: 8px; }
  .decision .pair {
    position: sticky; bottom: 0; margin: 0 -16px; padding: 12px 16px calc(12px + env(safe-area-inset-bottom));
    background: var(--bg); border-top: 1px solid var(--line);
  }
}
@media (forced-colors: active) {
  .primary, .danger { border-width: 2px; }
  .note, .command { border: 1px solid; }
}
`
