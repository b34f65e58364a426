// Palette, type and space of the script-free pages, and the two frames. Every colour is named once, light and dark.
export const foundation = `
:root {
  color-scheme: light dark;
  --bg: light-dark(#f7f7f5, #111214);
  --surface: light-dark(#ffffff, #18191c);
  --sunken: light-dark(#f1f1ee, #0d0e0f);
  --hover: light-dark(#f3f3f0, #1e2024);
  --line: light-dark(#e3e3de, #2a2c31);
  --line-control: light-dark(#8b8d92, #6a6e77);
  --ink: light-dark(#1a1b1e, #ececea);
  --ink-2: light-dark(#4f5157, #b0b3ba);
  --ink-3: light-dark(#66686e, #92959d);
  --accent: light-dark(#2a48c8, #9db0ff);
  --on-accent: light-dark(#ffffff, #10152b);
  --accent-soft: light-dark(#e9edfb, #1d2440);
  --ok: light-dark(#176b3a, #6fcf97);
  --ok-soft: light-dark(#e6f3ea, #14291d);
  --warn: light-dark(#845400, #e6b450);
  --warn-soft: light-dark(#fcf2dc, #2b2312);
  --bad: light-dark(#b3261e, #ff938a);
  --bad-soft: light-dark(#fceae8, #351917);
  --on-bad: light-dark(#ffffff, #2a0a07);
  --sans: Inter, ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif;
  --mono: 'JetBrains Mono', ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
*, *::before, *::after { box-sizing: border-box; }
html { scroll-padding: 72px 0 96px; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column;
  background: var(--bg); color: var(--ink);
  font: 400 0.8125rem/1.25rem var(--sans); font-variant-numeric: tabular-nums;
}
h1, h2, h3, p, ul, ol, dl, dd, figure, fieldset { margin: 0; padding: 0; }
ul, ol { list-style: none; }
fieldset { border: 0; min-width: 0; }
h1 { font-size: 1.25rem; line-height: 1.75rem; font-weight: 600; letter-spacing: -0.014em; text-wrap: balance; }
h2 { font-size: 0.875rem; line-height: 1.25rem; font-weight: 600; }
h3 { font-size: 0.8125rem; line-height: 1.25rem; font-weight: 600; }
p { max-width: 76ch; text-wrap: pretty; }
strong, b { font-weight: 600; }
a { color: var(--accent); text-underline-offset: 2px; text-decoration-thickness: 1px; }
code, pre, .mono, .host, .hostbig, .url { font-family: var(--mono); font-variant-ligatures: none; }
code { font-size: 0.75rem; }
h1, h2, h3, p, dd, code, bdi, span { overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.dim { color: var(--ink-3); }
.second { color: var(--ink-2); }
.small { font-size: 0.75rem; line-height: 1rem; }
.vh { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 16px; top: -48px; background: var(--surface); padding: 8px 12px; z-index: 2; }
.skip:focus { top: 8px; }

.bar { display: flex; align-items: center; gap: 16px; padding: 12px 24px; }
.brand { display: inline-flex; align-items: center; gap: 8px; font-size: 0.875rem; font-weight: 600; color: var(--ink); }
.mark { width: 20px; height: 20px; fill: none; stroke-width: 2.4; stroke-linecap: round; }
.mark .post, .mark .cap { stroke: var(--ink); }
.mark .rope { stroke: var(--accent); }
.home { text-decoration: none; display: inline-flex; border-radius: 6px; }
.host { font-size: 0.75rem; line-height: 1rem; color: var(--ink-2); overflow-wrap: anywhere; }

.solo .bar { justify-content: space-between; }
.solo main { width: 100%; max-width: 508px; margin: auto; padding: 24px 24px 32px; }
.solo h1 { font-size: 1.625rem; line-height: 2rem; letter-spacing: -0.022em; overflow-wrap: anywhere; }
.solo footer { padding: 16px 24px; font-size: 0.75rem; line-height: 1rem; color: var(--ink-3); }
.lead { margin-top: 8px; font-size: 0.875rem; line-height: 1.25rem; color: var(--ink-2); overflow-wrap: anywhere; }
.stack { display: grid; gap: 16px; margin-top: 24px; }
.stack > * { min-width: 0; }

.room .bar { border-bottom: 1px solid var(--line); background: var(--surface); flex-wrap: wrap; padding-block: 8px; }
.room .me { margin-left: auto; display: flex; align-items: center; gap: 8px; min-width: 0; }
.room main { width: 100%; max-width: 1080px; margin: 0 auto; padding: 24px 32px 48px; }
.head { margin-bottom: 16px; }
.head p { color: var(--ink-2); margin-top: 4px; }
.narrow { max-width: 560px; }

@media (max-width: 760px) {
  .bar { padding: 12px 16px; }
  .room main { padding: 16px 16px 32px; }
  .room .bar { gap: 4px 12px; }
  .room .me { display: contents; }
  .room .bar form { margin-left: auto; order: 1; }
  .room .who { order: 2; flex-basis: 100%; }
  .room .bar .host { order: 3; flex-basis: 100%; }
  .solo main { padding: 8px 16px 24px; margin: 0 auto; }
  .solo h1 { font-size: 1.375rem; line-height: 1.75rem; }
  .solo footer { padding: 12px 16px 24px; }
}
@media (prefers-reduced-motion: no-preference) {
  a, button, .button { transition: background-color 80ms; }
}
@media print {
  .bar, .actions, .button, button, .watch, footer { display: none; }
  body { background: none; color: #000; }
}
`
